//! The request's own parameters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::plugins::{PLUGIN_TYPES, plugin_rules};

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
