//! `[admin]`.

use std::net::SocketAddr;

use figment::value::Value;
use serde_json::json;

use super::forms::{Form, text};
use super::key::Key;
use super::reader::Reader;

const OFF: &str = "off";

/// Where metrics and health are shown; none if nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin(pub Option<SocketAddr>);

pub(super) fn admin(reader: &mut Reader<'_>) -> Option<Admin> {
    reader.need(&Key::from("admin.address"))
}

impl Form for Admin {
    fn read(value: &Value) -> Result<Self, String> {
        Self::read_text(text(value)?)
    }

    fn read_text(text: &str) -> Result<Self, String> {
        if text == OFF {
            return Ok(Self(None));
        }
        let address = text.parse().map_err(|_| {
            format!("{text:?} is not an address with a port, such as 127.0.0.1:9464, nor \"off\"")
        })?;
        Ok(Self(Some(address)))
    }

    fn show(&self) -> serde_json::Value {
        self.0.map_or(json!(OFF), |address| json!(address.to_string()))
    }
}
