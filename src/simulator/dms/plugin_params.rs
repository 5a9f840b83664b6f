//! What the PluginParam of each PluginType must hold.

use serde_json::Value;

use crate::simulator::reply::ErrorReply;

/// Plugin types whose parameters this simulator does not check.
const OTHER_TYPES: [&str; 16] = [
    "DF_PUBLISH",
    "TABLE_SYNC",
    "DC_PROC",
    "DC_BIG_FILE",
    "DB_EXPORT",
    "SQLReview",
    "DATABASE_CLONE",
    "GENERATE",
    "DATA_TRACK",
    "DATA_ARCHIVE",
    "DATA_WAREHOUSE",
    "DATA_SNAPSHOT",
    "SAAS_DB_MOVE",
    "PROXY_APPLY",
    "SENSITIVITY",
    "HealthReport",
];

#[derive(Clone, Copy, Debug)]
enum ValueType {
    Text,
    Integer,
    Bool,
    /// `TEXT` or `ATTACHMENT`.
    SqlType,
    /// A list of `{dbId, logic}` with at least one element.
    Databases,
    Integers,
    List,
}

/// Name, type, and whether the key is required.
struct ParamSpec(&'static str, ValueType, bool);

const COMMON_KEYS: &[ParamSpec] = &[
    ParamSpec("classify", ValueType::Text, false),
    ParamSpec("estimateAffectRows", ValueType::Integer, false),
    ParamSpec("execSQL", ValueType::Text, false),
    ParamSpec("dbItemList", ValueType::Databases, true),
    ParamSpec("rbSQL", ValueType::Text, false),
    ParamSpec("rbSQLType", ValueType::SqlType, false),
    ParamSpec("rbAttachmentName", ValueType::Text, false),
    ParamSpec("sqlType", ValueType::SqlType, false),
    ParamSpec("attachmentName", ValueType::Text, false),
];

const CHUNK_KEYS: &[ParamSpec] = &[
    ParamSpec("classify", ValueType::Text, false),
    ParamSpec("execSQL", ValueType::Text, true),
    ParamSpec("dbItemList", ValueType::Databases, true),
];

const CRON_CLEAR_KEYS: &[ParamSpec] = &[
    ParamSpec("duration", ValueType::Integer, false),
    ParamSpec("specifyDuration", ValueType::Bool, false),
    ParamSpec("classify", ValueType::Text, false),
    ParamSpec("cronFormat", ValueType::Text, true),
    ParamSpec("dbItemList", ValueType::Databases, true),
    ParamSpec("cronClearItemList", ValueType::List, true),
];

const DESIGN_KEYS: &[ParamSpec] = &[
    ParamSpec("title", ValueType::Text, true),
    ParamSpec("description", ValueType::Text, false),
    ParamSpec("dbId", ValueType::Integer, true),
    ParamSpec("logic", ValueType::Bool, true),
    ParamSpec("relatedIds", ValueType::Integers, false),
];

const EXPORT_KEYS: &[ParamSpec] = &[
    ParamSpec("classify", ValueType::Text, false),
    ParamSpec("dbId", ValueType::Integer, true),
    ParamSpec("logic", ValueType::Bool, true),
    ParamSpec("exeSQL", ValueType::Text, true),
    ParamSpec("ignoreAffectRows", ValueType::Bool, false),
    ParamSpec("affectRows", ValueType::Integer, false),
    ParamSpec("ignoreAffectRowsReason", ValueType::Text, false),
];

/// Checks the plugin type, and its parameters where the vendor documents them.
pub(super) fn check(plugin_type: &str, param: &Value) -> Result<(), ErrorReply> {
    match plugin_type {
        "DC_COMMON" => check_keys(COMMON_KEYS, param).and_then(|()| check_sql_source(param)),
        "DC_CHUNK" => check_keys(CHUNK_KEYS, param),
        "DC_CRON_CLEAR" => check_keys(CRON_CLEAR_KEYS, param),
        "NDDL" => check_keys(DESIGN_KEYS, param),
        "DATA_EXPORT" => check_keys(EXPORT_KEYS, param).and_then(|()| check_export(param)),
        // The vendor does not document the parameters of these two.
        "PERM_APPLY" | "OWNER_APPLY" => Ok(()),
        other if OTHER_TYPES.contains(&other) => Ok(()),
        other => Err(ErrorReply::invalid("PluginType", &format!("{other} does not exist"))),
    }
}

fn invalid(reason: &str) -> ErrorReply {
    ErrorReply::invalid("PluginParam", reason)
}

fn check_keys(keys: &[ParamSpec], param: &Value) -> Result<(), ErrorReply> {
    for ParamSpec(name, value_type, required) in keys {
        match &param[*name] {
            Value::Null if *required => return Err(invalid(&format!("{name} is missing"))),
            Value::Null => {}
            value if is_valid(*value_type, value) => {}
            _ => return Err(invalid(&format!("{name} has the wrong type"))),
        }
    }
    Ok(())
}

fn is_valid(value_type: ValueType, value: &Value) -> bool {
    let all =
        |check: fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(check));
    match value_type {
        ValueType::Text => value.is_string(),
        ValueType::Integer => value.is_i64(),
        ValueType::Bool => value.is_boolean(),
        ValueType::SqlType => matches!(value.as_str(), Some("TEXT" | "ATTACHMENT")),
        ValueType::Databases => {
            let item = |item: &Value| item["dbId"].is_i64() && item["logic"].is_boolean();
            all(item) && value != &Value::Array(Vec::new())
        }
        ValueType::Integers => all(Value::is_i64),
        ValueType::List => value.is_array(),
    }
}

fn check_sql_source(param: &Value) -> Result<(), ErrorReply> {
    let source = match param["sqlType"].as_str() {
        Some("ATTACHMENT") => "attachmentName",
        Some(_) | None => "execSQL",
    };
    let given = param[source].as_str().is_some_and(|text| !text.is_empty());
    if given { Ok(()) } else { Err(invalid(&format!("{source} is missing"))) }
}

fn check_export(param: &Value) -> Result<(), ErrorReply> {
    if param["ignoreAffectRows"] == true && !param["ignoreAffectRowsReason"].is_string() {
        return Err(invalid("ignoreAffectRowsReason is missing"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_key_of_the_sql_differs_by_plugin_type() {
        let databases = json!([{"dbId": 1, "logic": false}]);
        assert!(check("DC_CHUNK", &json!({"execSQL": "x", "dbItemList": databases})).is_ok());
        assert!(check("DC_CHUNK", &json!({"exeSQL": "x", "dbItemList": databases})).is_err());
        assert!(check("DATA_EXPORT", &json!({"exeSQL": "x", "dbId": 1, "logic": false})).is_ok());
        assert!(check("DATA_EXPORT", &json!({"execSQL": "x", "dbId": 1, "logic": false})).is_err());
    }

    #[test]
    fn an_unknown_type_and_an_empty_list_of_databases_are_refused() {
        assert_eq!(
            check("DC_COMON", &json!({})).map_err(|r| r.code),
            Err("InvalidPluginType".into())
        );
        let empty = json!({"execSQL": "x", "dbItemList": []});
        assert_eq!(check("DC_CHUNK", &empty).map_err(|r| r.code), Err("InvalidPluginParam".into()));
    }
}
