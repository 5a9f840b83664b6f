//! Params of `dms.CreateOrder`, with `PluginParam` of each plugin type. Spellings differ between the
//! types (`execSQL`, `exeSQL`, `execSql`): they are the provider's.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::cloud::operations::schema::schema_of;

const PLUGIN_TYPES: [&str; 7] =
    ["DC_COMMON", "DC_CHUNK", "DC_CRON_CLEAR", "NDDL", "DATA_EXPORT", "PERM_APPLY", "OWNER_APPLY"];

/// Parameters of `CreateOrder`, as the provider documents them.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
#[schemars(extend("allOf" = plugin_rules()))]
pub struct Params {
    /// What the ticket is for. A short marker is put at its end, unless the account says not to.
    #[schemars(length(min = 1))]
    pub comment: String,
    /// The kind of ticket.
    #[schemars(extend("enum" = PLUGIN_TYPES))]
    pub plugin_type: String,
    /// What the kind of ticket needs; its fields depend on `PluginType`.
    pub plugin_param: Map<String, Value>,
    /// DMS ids of the people concerned, joined with commas: `1,2`.
    #[schemars(
        regex(pattern = r"^[0-9]+(,[0-9]+)*$"),
        extend("x-expects" = "user ids joined with commas, like `1,2`")
    )]
    pub related_user_list: Option<String>,
    /// The tenant; the caller's own if left out.
    pub tid: Option<i64>,
    /// The key of an uploaded attachment of the ticket.
    pub attachment_key: Option<String>,
    /// The Alibaba Cloud UID of the user the ticket is made for.
    pub real_login_user_uid: Option<String>,
}

/// A database, physical or logical.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DbItem {
    /// The database's DMS id.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// Whether it is a logical database.
    pub logic: bool,
}

/// `DC_COMMON`: a change of data.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend(
    "if" = {"properties": {"sqlType": {"const": "ATTACHMENT"}}, "required": ["sqlType"]},
    "then" = {"required": ["attachmentName"], "x-because": "sqlType is ATTACHMENT",
        "properties": {"attachmentName": {"type": "string", "minLength": 1}}},
    "else" = {"required": ["execSQL"], "x-because": "the SQL is given as text",
        "properties": {"execSQL": {"type": "string", "minLength": 1}}},
))]
pub struct DataChange {
    /// The category of the reason.
    pub classify: Option<String>,
    /// Rows expected to change.
    #[schemars(range(min = 0, max = i64::MAX))]
    pub estimate_affect_rows: Option<i64>,
    /// The SQL, when `sqlType` is `TEXT`.
    #[serde(rename = "execSQL")]
    pub exec_sql: Option<String>,
    /// The databases to change.
    #[schemars(length(min = 1))]
    pub db_item_list: Vec<DbItem>,
    /// The SQL that would undo the change.
    #[serde(rename = "rbSQL")]
    pub rb_sql: Option<String>,
    /// The form of that SQL.
    #[serde(rename = "rbSQLType")]
    #[schemars(extend("enum" = ["TEXT", "ATTACHMENT", null]))]
    pub rb_sql_type: Option<String>,
    /// The attachment key of the SQL that would undo the change.
    pub rb_attachment_name: Option<String>,
    /// The form of the SQL; `TEXT` if left out.
    #[schemars(extend("enum" = ["TEXT", "ATTACHMENT", null]))]
    pub sql_type: Option<String>,
    /// The attachment key of the SQL, when `sqlType` is `ATTACHMENT`.
    pub attachment_name: Option<String>,
}

/// `DC_CHUNK`: a change of data or structure without locking.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LockFreeChange {
    /// The category of the reason.
    pub classify: Option<String>,
    /// The SQL.
    #[serde(rename = "execSQL")]
    #[schemars(length(min = 1))]
    pub exec_sql: String,
    /// The databases to change.
    #[schemars(length(min = 1))]
    pub db_item_list: Vec<DbItem>,
}

/// `DC_CRON_CLEAR`: regular clearing of old rows.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend(
    "if" = {"properties": {"specifyDuration": {"const": true}}, "required": ["specifyDuration"]},
    "then" = {"required": ["duration"], "x-because": "specifyDuration is true",
        "properties": {"duration": {"type": "integer", "minimum": 1}}},
))]
pub struct CronClear {
    /// The longest run, in hours.
    #[schemars(range(min = 0, max = i64::MAX))]
    pub duration: Option<i64>,
    /// Whether `duration` counts.
    pub specify_duration: Option<bool>,
    /// The category of the reason.
    pub classify: Option<String>,
    /// When it runs, as a cron expression of six fields: `0 1 21 * * ?`.
    #[schemars(
        regex(pattern = r"^\s*\S+(\s+\S+){5,6}\s*$"),
        extend("x-expects" = "a cron expression of six fields, like `0 1 21 * * ?`")
    )]
    pub cron_format: String,
    /// Null in the provider's example; this plugin type makes its own SQL.
    pub exec_sql: Option<String>,
    /// The databases to clear.
    #[schemars(length(min = 1))]
    pub db_item_list: Vec<DbItem>,
    /// What is cleared.
    #[schemars(length(min = 1))]
    pub cron_clear_item_list: Vec<CronClearItem>,
}

/// One table to clear.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CronClearItem {
    /// A further condition on the rows.
    #[serde(rename = "filterSQL")]
    pub filter_sql: Option<String>,
    /// The column that holds a row's age.
    #[schemars(length(min = 1))]
    pub column_name: String,
    /// Days a row is kept.
    #[schemars(range(min = 0, max = i64::MAX))]
    pub remain_days: i64,
    /// The table.
    #[schemars(length(min = 1))]
    pub table_name: String,
}

/// `NDDL`: a schema design.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SchemaDesign {
    /// The design's title.
    #[schemars(length(min = 1))]
    pub title: String,
    /// What it is for.
    pub description: Option<String>,
    /// The base database's DMS id.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// Whether it is a logical database.
    pub logic: bool,
    /// DMS ids of the people concerned.
    pub related_ids: Option<Vec<i64>>,
}

/// `DATA_EXPORT`: an export of a query's rows.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend(
    "if" = {"properties": {"ignoreAffectRows": {"const": true}}, "required": ["ignoreAffectRows"]},
    "then" = {"required": ["ignoreAffectRowsReason"], "x-because": "ignoreAffectRows is true",
        "properties": {"ignoreAffectRowsReason": {"type": "string", "minLength": 1}}},
))]
pub struct DataExport {
    /// The category of the reason.
    pub classify: Option<String>,
    /// The database's DMS id.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// The query.
    #[serde(rename = "exeSQL")]
    #[schemars(length(min = 1))]
    pub exe_sql: String,
    /// Whether it is a logical database.
    pub logic: bool,
    /// Whether the check of the number of rows is skipped.
    pub ignore_affect_rows: Option<bool>,
    /// Rows expected.
    #[schemars(range(min = 0, max = i64::MAX))]
    pub affect_rows: Option<i64>,
    /// Why the check is skipped.
    pub ignore_affect_rows_reason: Option<String>,
}

/// Whether the provider documents `PluginParam` of this type. If not, it is sent unchanged.
pub(super) fn is_documented(plugin_type: &str) -> bool {
    !matches!(plugin_type, "PERM_APPLY" | "OWNER_APPLY")
}

/// Whether an approved ticket of this type waits until a person starts it.
pub(super) fn is_started_by_a_person(plugin_type: &str) -> bool {
    matches!(plugin_type, "DC_COMMON" | "DC_CHUNK" | "DATA_EXPORT")
}

/// The schema of `PluginParam` for each plugin type, as conditions of the whole schema.
fn plugin_rules() -> Value {
    let rule = |plugin_type: &str, schema: Value| {
        json!({
            "if": {"properties": {"PluginType": {"const": plugin_type}},
                "required": ["PluginType"]},
            "then": {"properties": {"PluginParam": schema}},
        })
    };
    json!([
        rule("DC_COMMON", schema_of::<DataChange>()),
        rule("DC_CHUNK", schema_of::<LockFreeChange>()),
        rule("DC_CRON_CLEAR", schema_of::<CronClear>()),
        rule("NDDL", schema_of::<SchemaDesign>()),
        rule("DATA_EXPORT", schema_of::<DataExport>()),
    ])
}
