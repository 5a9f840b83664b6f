//! What the PluginParam of each PluginType must hold.

use serde_json::Value;

use crate::simulator::reply::Refusal;

/// Types the vendor lists beside the seven this stand-in checks closely.
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
enum Form {
    Text,
    Whole,
    Truth,
    /// `TEXT` or `ATTACHMENT`.
    SqlType,
    /// A list of `{dbId, logic}` with at least one element.
    Databases,
    /// Whole numbers.
    Wholes,
    List,
}

struct Key(&'static str, Form, bool);

const CHANGE: &[Key] = &[
    Key("classify", Form::Text, false),
    Key("estimateAffectRows", Form::Whole, false),
    Key("execSQL", Form::Text, false),
    Key("dbItemList", Form::Databases, true),
    Key("rbSQL", Form::Text, false),
    Key("rbSQLType", Form::SqlType, false),
    Key("rbAttachmentName", Form::Text, false),
    Key("sqlType", Form::SqlType, false),
    Key("attachmentName", Form::Text, false),
];

const CHUNK: &[Key] = &[
    Key("classify", Form::Text, false),
    Key("execSQL", Form::Text, true),
    Key("dbItemList", Form::Databases, true),
];

const CRON_CLEAR: &[Key] = &[
    Key("duration", Form::Whole, false),
    Key("specifyDuration", Form::Truth, false),
    Key("classify", Form::Text, false),
    Key("cronFormat", Form::Text, true),
    Key("dbItemList", Form::Databases, true),
    Key("cronClearItemList", Form::List, true),
];

const DESIGN: &[Key] = &[
    Key("title", Form::Text, true),
    Key("description", Form::Text, false),
    Key("dbId", Form::Whole, true),
    Key("logic", Form::Truth, true),
    Key("relatedIds", Form::Wholes, false),
];

const EXPORT: &[Key] = &[
    Key("classify", Form::Text, false),
    Key("dbId", Form::Whole, true),
    Key("logic", Form::Truth, true),
    Key("exeSQL", Form::Text, true),
    Key("ignoreAffectRows", Form::Truth, false),
    Key("affectRows", Form::Whole, false),
    Key("ignoreAffectRowsReason", Form::Text, false),
];

/// Whether the vendor knows a type; checks what it is given if this stand-in knows it too.
pub(super) fn check(plugin_type: &str, param: &Value) -> Result<(), Refusal> {
    match plugin_type {
        "DC_COMMON" => check_keys(CHANGE, param).and_then(|()| check_change(param)),
        "DC_CHUNK" => check_keys(CHUNK, param),
        "DC_CRON_CLEAR" => check_keys(CRON_CLEAR, param),
        "NDDL" => check_keys(DESIGN, param),
        "DATA_EXPORT" => check_keys(EXPORT, param).and_then(|()| check_export(param)),
        // The vendor does not say what these two take, so anything is taken.
        "PERM_APPLY" | "OWNER_APPLY" => Ok(()),
        other if OTHER_TYPES.contains(&other) => Ok(()),
        other => Err(Refusal::invalid("PluginType", &format!("there is no {other}"))),
    }
}

fn invalid(what: &str) -> Refusal {
    Refusal::invalid("PluginParam", what)
}

fn check_keys(keys: &[Key], param: &Value) -> Result<(), Refusal> {
    for Key(name, form, required) in keys {
        match &param[*name] {
            Value::Null if *required => return Err(invalid(&format!("{name} is missing"))),
            Value::Null => {}
            value if fits(*form, value) => {}
            _ => return Err(invalid(&format!("{name} is not what it should be"))),
        }
    }
    Ok(())
}

fn fits(form: Form, value: &Value) -> bool {
    let all = |fits: fn(&Value) -> bool| value.as_array().is_some_and(|list| list.iter().all(fits));
    match form {
        Form::Text => value.is_string(),
        Form::Whole => value.is_i64(),
        Form::Truth => value.is_boolean(),
        Form::SqlType => matches!(value.as_str(), Some("TEXT" | "ATTACHMENT")),
        Form::Databases => {
            let item = |item: &Value| item["dbId"].is_i64() && item["logic"].is_boolean();
            all(item) && value != &Value::Array(Vec::new())
        }
        Form::Wholes => all(Value::is_i64),
        Form::List => value.is_array(),
    }
}

fn check_change(param: &Value) -> Result<(), Refusal> {
    let source = match param["sqlType"].as_str() {
        Some("ATTACHMENT") => "attachmentName",
        Some(_) | None => "execSQL",
    };
    let given = param[source].as_str().is_some_and(|text| !text.is_empty());
    if given { Ok(()) } else { Err(invalid(&format!("{source} is missing"))) }
}

fn check_export(param: &Value) -> Result<(), Refusal> {
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
    fn the_spelling_of_sql_differs_by_type() {
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
