//! JSON converted to XML, as Alibaba's gateway does for clients that do not accept JSON.

use serde_json::Value;

/// A document with one root element. A list becomes one element per item.
pub(super) fn document(root: &str, value: &Value) -> String {
    let mut text = "<?xml version='1.0' encoding='UTF-8'?>".to_owned();
    element(root, value, &mut text);
    text
}

fn element(name: &str, value: &Value, text: &mut String) {
    if let Value::Array(items) = value {
        for item in items {
            element(name, item, text);
        }
        return;
    }
    text.push_str(&format!("<{name}>"));
    match value {
        Value::Null | Value::Array(_) => {}
        Value::Bool(truth) => text.push_str(&truth.to_string()),
        Value::Number(number) => text.push_str(&number.to_string()),
        Value::String(content) => text.push_str(&escape(content)),
        Value::Object(fields) => {
            for (name, value) in fields {
                element(name, value, text);
            }
        }
    }
    text.push_str(&format!("</{name}>"));
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_becomes_repeated_elements_and_text_is_escaped() {
        let value = json!({"Ids": {"Id": [1, 2]}, "Message": "a<b"});
        assert!(
            document("Error", &value).ends_with(
                "<Error><Ids><Id>1</Id><Id>2</Id></Ids><Message>a&lt;b</Message></Error>"
            )
        );
    }
}
