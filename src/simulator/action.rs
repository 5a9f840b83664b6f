//! The actions this stand-in knows, and how a request says which one it means.

use super::gateway::asked::Asked;

/// The version DMS Enterprise requests carry.
pub(super) const DMS: &str = "2018-11-01";
/// The version DataWorks requests carry.
pub(super) const DATAWORKS: &str = "2020-05-18";

/// One thing a provider can be asked for.
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

/// Whose gateway an action is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cloud {
    /// ACS3, request headers name the action.
    Alibaba,
    /// Paths name the action.
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

    /// The name with its service in front, as fault plans and effects have it.
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

    /// The name alone, as Alibaba's requests have it.
    pub(super) fn name(self) -> &'static str {
        let full = self.full_name();
        full.split_once('.').map_or(full, |(_, name)| name)
    }

    /// Whether it is one of DMS, whose replies have an envelope of their own.
    pub(super) fn is_dms(self) -> bool {
        self.full_name().starts_with("dms.")
    }

    /// What a request asks for; none when nobody here does that.
    pub(super) fn of(asked: &Asked) -> Option<Self> {
        match asked.cloud() {
            Cloud::Alibaba => Self::named(asked.header("x-acs-action")?, asked),
            Cloud::Huawei => Self::at(&asked.method, &asked.segments()),
        }
    }

    fn named(name: &str, asked: &Asked) -> Option<Self> {
        let version = asked.header("x-acs-version")?;
        Self::ALIBABA.into_iter().find(|action| {
            action.name() == name && version == if action.is_dms() { DMS } else { DATAWORKS }
        })
    }

    fn at(method: &str, segments: &[&str]) -> Option<Self> {
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
