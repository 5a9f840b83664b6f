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
    /// Purpose of the ticket. A short marker is appended, unless the account turns markers off.
    #[schemars(length(min = 1))]
    pub comment: String,
    /// Type of the ticket.
    #[schemars(extend("enum" = PLUGIN_TYPES))]
    pub plugin_type: String,
    /// Content of the ticket. The fields depend on `PluginType`.
    pub plugin_param: Map<String, Value>,
    /// DMS ids of the stakeholders, joined with commas: `1,2`.
    #[schemars(
        regex(pattern = r"^[0-9]+(,[0-9]+)*$"),
        extend("x-expects" = "user ids joined with commas, like `1,2`")
    )]
    pub related_user_list: Option<String>,
    /// Tenant id. Default: the caller's own tenant.
    pub tid: Option<i64>,
    /// Key of an uploaded attachment.
    pub attachment_key: Option<String>,
    /// Alibaba Cloud UID of the user for whom the ticket is created.
    pub real_login_user_uid: Option<String>,
}

/// A physical or logical database.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DbItem {
    /// DMS id of the database.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// Whether the database is a logical one.
    pub logic: bool,
}

/// `DC_COMMON`: a data change.
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
    /// Category of the reason.
    pub classify: Option<String>,
    /// Expected number of changed rows.
    #[schemars(range(min = 0, max = i64::MAX))]
    pub estimate_affect_rows: Option<i64>,
    /// SQL to run, if `sqlType` is `TEXT`.
    #[serde(rename = "execSQL")]
    pub exec_sql: Option<String>,
    /// Databases to change.
    #[schemars(length(min = 1))]
    pub db_item_list: Vec<DbItem>,
    /// SQL that reverts the change.
    #[serde(rename = "rbSQL")]
    pub rb_sql: Option<String>,
    /// Form of the reverting SQL.
    #[serde(rename = "rbSQLType")]
    #[schemars(extend("enum" = ["TEXT", "ATTACHMENT", null]))]
    pub rb_sql_type: Option<String>,
    /// Attachment key of the reverting SQL.
    pub rb_attachment_name: Option<String>,
    /// Form of the SQL. Default: `TEXT`.
    #[schemars(extend("enum" = ["TEXT", "ATTACHMENT", null]))]
    pub sql_type: Option<String>,
    /// Attachment key of the SQL, if `sqlType` is `ATTACHMENT`.
    pub attachment_name: Option<String>,
}

/// `DC_CHUNK`: a change of data or structure that does not lock tables.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct LockFreeChange {
    /// Category of the reason.
    pub classify: Option<String>,
    /// SQL to run.
    #[serde(rename = "execSQL")]
    #[schemars(length(min = 1))]
    pub exec_sql: String,
    /// Databases to change.
    #[schemars(length(min = 1))]
    pub db_item_list: Vec<DbItem>,
}

/// `DC_CRON_CLEAR`: scheduled deletion of old rows.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend(
    "if" = {"properties": {"specifyDuration": {"const": true}}, "required": ["specifyDuration"]},
    "then" = {"required": ["duration"], "x-because": "specifyDuration is true",
        "properties": {"duration": {"type": "integer", "minimum": 1}}},
))]
pub struct CronClear {
    /// Longest run, in hours.
    #[schemars(range(min = 0, max = i64::MAX))]
    pub duration: Option<i64>,
    /// Whether `duration` applies.
    pub specify_duration: Option<bool>,
    /// Category of the reason.
    pub classify: Option<String>,
    /// Schedule, as a cron expression of six fields: `0 1 21 * * ?`.
    #[schemars(
        regex(pattern = r"^\s*\S+(\s+\S+){5,6}\s*$"),
        extend("x-expects" = "a cron expression of six fields, like `0 1 21 * * ?`")
    )]
    pub cron_format: String,
    /// Null in the provider's example. This plugin type generates its own SQL.
    pub exec_sql: Option<String>,
    /// Databases to clear.
    #[schemars(length(min = 1))]
    pub db_item_list: Vec<DbItem>,
    /// Tables to clear.
    #[schemars(length(min = 1))]
    pub cron_clear_item_list: Vec<CronClearItem>,
}

/// A table to clear.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct CronClearItem {
    /// Additional condition on the rows.
    #[serde(rename = "filterSQL")]
    pub filter_sql: Option<String>,
    /// Time column that decides how old a row is.
    #[schemars(length(min = 1))]
    pub column_name: String,
    /// Days to keep a row.
    #[schemars(range(min = 0, max = i64::MAX))]
    pub remain_days: i64,
    /// Name of the table.
    #[schemars(length(min = 1))]
    pub table_name: String,
}

/// `NDDL`: a schema design.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SchemaDesign {
    /// Title of the design.
    #[schemars(length(min = 1))]
    pub title: String,
    /// Purpose of the design.
    pub description: Option<String>,
    /// DMS id of the base database.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// Whether the database is a logical one.
    pub logic: bool,
    /// DMS ids of the stakeholders.
    pub related_ids: Option<Vec<i64>>,
}

/// `DATA_EXPORT`: an export of the rows of a query.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
#[schemars(extend(
    "if" = {"properties": {"ignoreAffectRows": {"const": true}}, "required": ["ignoreAffectRows"]},
    "then" = {"required": ["ignoreAffectRowsReason"], "x-because": "ignoreAffectRows is true",
        "properties": {"ignoreAffectRowsReason": {"type": "string", "minLength": 1}}},
))]
pub struct DataExport {
    /// Category of the reason.
    pub classify: Option<String>,
    /// DMS id of the database.
    #[schemars(range(min = 1, max = i64::MAX))]
    pub db_id: i64,
    /// Query that selects the rows.
    #[serde(rename = "exeSQL")]
    #[schemars(length(min = 1))]
    pub exe_sql: String,
    /// Whether the database is a logical one.
    pub logic: bool,
    /// Whether to skip the check of the number of rows.
    pub ignore_affect_rows: Option<bool>,
    /// Expected number of rows.
    #[schemars(range(min = 0, max = i64::MAX))]
    pub affect_rows: Option<i64>,
    /// Reason for skipping the check.
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
