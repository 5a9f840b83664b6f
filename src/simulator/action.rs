//! The API actions that the simulator implements, and how requests name them.

const DMS_VERSION: &str = "2018-11-01";
const DATAWORKS_VERSION: &str = "2020-05-18";

/// An API action of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ApiAction {
    CreateOrder,
    CreateFreeLockCorrectOrder,
    CreatePublishGroupTask,
    ListOrders,
    GetOrderBaseInfo,
    GetDataCorrectOrderDetail,
    GetDataCorrectTaskDetail,
    GetDataCronClearConfig,
    GetDataExportOrderDetail,
    GetTableDesignProjectInfo,
    GetTableDesignProjectFlow,
    ListDdlPublishRecords,
    DeployDiSyncTask,
    GetDiSyncTask,
    GetDiSyncInstanceInfo,
    DeployReleasePackages,
    ListReleasePackages,
    GetReleasePackage,
    GetSystemTask,
    CreateToken,
}

/// The company whose gateway serves an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vendor {
    /// Headers name the action (ACS3).
    Alibaba,
    /// Method and path name the action.
    Huawei,
}

impl ApiAction {
    const ALIBABA: [ApiAction; 15] = [
        ApiAction::CreateOrder,
        ApiAction::CreateFreeLockCorrectOrder,
        ApiAction::CreatePublishGroupTask,
        ApiAction::ListOrders,
        ApiAction::GetOrderBaseInfo,
        ApiAction::GetDataCorrectOrderDetail,
        ApiAction::GetDataCorrectTaskDetail,
        ApiAction::GetDataCronClearConfig,
        ApiAction::GetDataExportOrderDetail,
        ApiAction::GetTableDesignProjectInfo,
        ApiAction::GetTableDesignProjectFlow,
        ApiAction::ListDdlPublishRecords,
        ApiAction::DeployDiSyncTask,
        ApiAction::GetDiSyncTask,
        ApiAction::GetDiSyncInstanceInfo,
    ];

    /// The name with its service, as in fault plans and effects: `dms.CreateOrder`.
    pub(super) fn full_name(self) -> &'static str {
        match self {
            ApiAction::CreateOrder => "dms.CreateOrder",
            ApiAction::CreateFreeLockCorrectOrder => "dms.CreateFreeLockCorrectOrder",
            ApiAction::CreatePublishGroupTask => "dms.CreatePublishGroupTask",
            ApiAction::ListOrders => "dms.ListOrders",
            ApiAction::GetOrderBaseInfo => "dms.GetOrderBaseInfo",
            ApiAction::GetDataCorrectOrderDetail => "dms.GetDataCorrectOrderDetail",
            ApiAction::GetDataCorrectTaskDetail => "dms.GetDataCorrectTaskDetail",
            ApiAction::GetDataCronClearConfig => "dms.GetDataCronClearConfig",
            ApiAction::GetDataExportOrderDetail => "dms.GetDataExportOrderDetail",
            ApiAction::GetTableDesignProjectInfo => "dms.GetTableDesignProjectInfo",
            ApiAction::GetTableDesignProjectFlow => "dms.GetTableDesignProjectFlow",
            ApiAction::ListDdlPublishRecords => "dms.ListDDLPublishRecords",
            ApiAction::DeployDiSyncTask => "dataworks.DeployDISyncTask",
            ApiAction::GetDiSyncTask => "dataworks.GetDISyncTask",
            ApiAction::GetDiSyncInstanceInfo => "dataworks.GetDISyncInstanceInfo",
            ApiAction::DeployReleasePackages => "dataarts.DeployReleasePackages",
            ApiAction::ListReleasePackages => "dataarts.ListReleasePackages",
            ApiAction::GetReleasePackage => "dataarts.GetReleasePackage",
            ApiAction::GetSystemTask => "dataarts.GetSystemTask",
            ApiAction::CreateToken => "iam.CreateToken",
        }
    }

    /// The name without its service, as in Alibaba's requests: `CreateOrder`.
    pub(super) fn name(self) -> &'static str {
        let full = self.full_name();
        full.split_once('.').map_or(full, |(_, name)| name)
    }

    pub(super) fn is_dms(self) -> bool {
        self.full_name().starts_with("dms.")
    }

    /// The action that an Alibaba request names with its action and version headers.
    pub(super) fn by_name(name: &str, version: &str) -> Option<Self> {
        Self::ALIBABA.into_iter().find(|action| {
            let expected = if action.is_dms() { DMS_VERSION } else { DATAWORKS_VERSION };
            action.name() == name && version == expected
        })
    }

    /// The action that a Huawei request names with its method and path.
    pub(super) fn by_path(method: &str, segments: &[&str]) -> Option<Self> {
        match (method, segments) {
            ("POST", ["v3", "auth", "tokens"]) => Some(ApiAction::CreateToken),
            ("POST", ["v2", _, "factory", "release-packages", "deploy"]) => {
                Some(ApiAction::DeployReleasePackages)
            }
            ("POST", ["v2", _, "factory", "release-packages"]) => {
                Some(ApiAction::ListReleasePackages)
            }
            ("GET", ["v2", _, "factory", "release-packages", _]) => {
                Some(ApiAction::GetReleasePackage)
            }
            ("GET", ["v1", _, "system-tasks", _]) => Some(ApiAction::GetSystemTask),
            _ => None,
        }
    }
}
