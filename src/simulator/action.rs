//! The API actions that the simulator implements, and how requests name them.

const DMS_VERSION: &str = "2018-11-01";
const DATAWORKS_VERSION: &str = "2020-05-18";

/// An API action of a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
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

impl Action {
    const ALIBABA: [Action; 15] = [
        Action::CreateOrder,
        Action::CreateFreeLockCorrectOrder,
        Action::CreatePublishGroupTask,
        Action::ListOrders,
        Action::GetOrderBaseInfo,
        Action::GetDataCorrectOrderDetail,
        Action::GetDataCorrectTaskDetail,
        Action::GetDataCronClearConfig,
        Action::GetDataExportOrderDetail,
        Action::GetTableDesignProjectInfo,
        Action::GetTableDesignProjectFlow,
        Action::ListDdlPublishRecords,
        Action::DeployDiSyncTask,
        Action::GetDiSyncTask,
        Action::GetDiSyncInstanceInfo,
    ];

    /// The name with its service, as in fault plans and effects: `dms.CreateOrder`.
    pub(super) fn full_name(self) -> &'static str {
        match self {
            Action::CreateOrder => "dms.CreateOrder",
            Action::CreateFreeLockCorrectOrder => "dms.CreateFreeLockCorrectOrder",
            Action::CreatePublishGroupTask => "dms.CreatePublishGroupTask",
            Action::ListOrders => "dms.ListOrders",
            Action::GetOrderBaseInfo => "dms.GetOrderBaseInfo",
            Action::GetDataCorrectOrderDetail => "dms.GetDataCorrectOrderDetail",
            Action::GetDataCorrectTaskDetail => "dms.GetDataCorrectTaskDetail",
            Action::GetDataCronClearConfig => "dms.GetDataCronClearConfig",
            Action::GetDataExportOrderDetail => "dms.GetDataExportOrderDetail",
            Action::GetTableDesignProjectInfo => "dms.GetTableDesignProjectInfo",
            Action::GetTableDesignProjectFlow => "dms.GetTableDesignProjectFlow",
            Action::ListDdlPublishRecords => "dms.ListDDLPublishRecords",
            Action::DeployDiSyncTask => "dataworks.DeployDISyncTask",
            Action::GetDiSyncTask => "dataworks.GetDISyncTask",
            Action::GetDiSyncInstanceInfo => "dataworks.GetDISyncInstanceInfo",
            Action::DeployReleasePackages => "dataarts.DeployReleasePackages",
            Action::ListReleasePackages => "dataarts.ListReleasePackages",
            Action::GetReleasePackage => "dataarts.GetReleasePackage",
            Action::GetSystemTask => "dataarts.GetSystemTask",
            Action::CreateToken => "iam.CreateToken",
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
            ("POST", ["v3", "auth", "tokens"]) => Some(Action::CreateToken),
            ("POST", ["v2", _, "factory", "release-packages", "deploy"]) => {
                Some(Action::DeployReleasePackages)
            }
            ("POST", ["v2", _, "factory", "release-packages"]) => Some(Action::ListReleasePackages),
            ("GET", ["v2", _, "factory", "release-packages", _]) => Some(Action::GetReleasePackage),
            ("GET", ["v1", _, "system-tasks", _]) => Some(Action::GetSystemTask),
            _ => None,
        }
    }
}
