//! The read that shows whether a service accepts an account. What it asks about need not exist.

use super::request::{Query, get, rpc};
use crate::cloud::account::Account;
use crate::cloud::protocol::{Request, Service};

pub(in crate::cloud) fn request(service: Service, account: &Account) -> Request {
    let project = &account.project_id;
    match service {
        Service::Dms => {
            let query = Query::default()
                .with("OrderResultType", "AS_COMMITTER")
                .with("OrderStatus", "ALL")
                .with("PageNumber", 1)
                .with("PageSize", 1);
            rpc(service, "ListOrders", query)
        }
        Service::Dataworks => {
            let query = Query::default()
                .with("ProjectId", 1)
                .with("TaskType", "DI_REALTIME")
                .with("FileId", 1);
            rpc(service, "GetDISyncTask", query)
        }
        Service::Factory => get(service, format!("/v2/{project}/factory/release-packages/0")),
        Service::Tasks => get(service, format!("/v1/{project}/system-tasks/0")),
    }
}
