//! What the platform asks of an app for each API: which meter a call spends and which scope it needs.
//!
//! One table, read by `gate` for both hosts, so that no handler decides about money or permission on its own.
//! Sources: 不纳入调用量限制的接口 (`basic-interfaces-such-as-log-off-and-address-book`), 开发平台计费模式
//! (`dingtalk-application-development-platform-billing-model`), and the 权限 line of each API's page.
//! Invariant: an API that is not listed is metered and needs no scope, as the documentation lists the free ones only.
//! Weakness: scopes of undocumented APIs are inferred and marked so.

use serde::Serialize;

/// Which monthly budget of the organisation a call or a push spends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Metering {
    /// Tokens, login, directory: free.
    #[default]
    None,
    /// 付费 API 调用量
    Api,
    /// Webhook & Stream 消息
    Push,
}

/// Free APIs by the start of their path.
const FREE: &[&str] = &[
    "/gettoken",
    "/get_jsapi_ticket",
    "/v1.0/oauth2/",
    "/v1.0/gateway/",
    "/v1.0/contact/",
    "/auth/scopes",
    "/topapi/v2/user/",
    "/topapi/user/",
    "/topapi/v2/department/",
    "/topapi/role/",
    "/topapi/inactive/",
    "/topapi/smartwork/hrm/employee/",
    // Reading what could not be delivered is not in the list of free APIs; taken as free, for it belongs to receiving.
    "/call_back/",
    "/v1.0/event/",
];

/// Webhooks by the start of their path: the group's and the one a received message brings along.
const WEBHOOKS: &[&str] = &["/robot/send"];

/// Scopes by the start of the path; the first that fits counts.
const SCOPES: &[(&str, &str)] = &[
    ("/topapi/message/corpconversation/", "qyapi_base"),
    ("/topapi/v2/user/getuserinfo", "qyapi_base"),
    ("/topapi/v2/user/getbymobile", "qyapi_get_member_by_mobile"),
    ("/topapi/v2/user/list", "qyapi_get_department_member"),
    ("/topapi/user/listsimple", "qyapi_get_department_member"),
    ("/topapi/user/listid", "qyapi_get_department_member"),
    ("/topapi/v2/user/", "qyapi_get_member"),
    ("/topapi/user/", "qyapi_get_member"),
    ("/topapi/v2/department/", "qyapi_get_department_list"),
    ("/topapi/blackboard/list", "qyapi_blackboard_read"),
    ("/topapi/blackboard/category/", "qyapi_blackboard_read"),
    ("/topapi/blackboard/", "qyapi_blackboard_manage"),
    ("/v1.0/blackboard/", "qyapi_blackboard_manage"),
    ("/chat/", "qyapi_chat_manage"),
    ("/topapi/im/chat/", "qyapi_chat_manage"),
    ("/v1.0/im/", "qyapi_chat_manage"),
    ("/v2.0/im/", "qyapi_chat_manage"),
    ("/v1.0/robot/ding/", "Premium.Ding.Write"),
    ("/v1.0/robot/", "qyapi_robot_sendmsg"),
    ("/v1.0/card/", "Card.Instance.Write"),
    // Inferred: the SDK's module has no documentation page.
    ("/v1.0/groupBlackboard/", "GroupBlackboard.Blackboard.Write"),
    (
        "/v1.0/convFile/conversations/spaces/",
        "ConvFile.Space.Read",
    ),
    ("/v1.0/convFile/", "ConvFile.File.Send"),
    ("/v1.0/contact/users/", "Contact.User.Read"),
    ("/v1.0/contact/empLeaveRecords", "Contact.Common.Read"),
];

/// Which budget a call to this path spends.
pub(crate) fn metering_of(path: &str) -> Metering {
    let fits = |list: &[&str]| list.iter().any(|start| path.starts_with(start));
    if fits(WEBHOOKS) {
        Metering::Push
    } else if fits(FREE) {
        Metering::None
    } else {
        Metering::Api
    }
}

/// The scope an app must have been granted for this call.
pub(crate) fn scope_of(method: &str, path: &str) -> Option<&'static str> {
    if path.starts_with("/v1.0/todo/") {
        let reads = method == "GET" || path.ends_with("/query");
        return Some(if reads {
            "Todo.Todo.Read"
        } else {
            "Todo.Todo.Write"
        });
    }
    if path.contains("/storage/spaces/") {
        return if path.ends_with("/uploadInfos/query") {
            Some("Storage.UploadInfo.Read")
        } else if path.ends_with("/commit") {
            Some("Storage.File.Write")
        } else {
            None
        };
    }
    let found = SCOPES.iter().find(|(start, _)| path.starts_with(start));
    found.map(|(_, scope)| *scope)
}

#[cfg(test)]
mod tests {
    use super::{Metering, metering_of, scope_of};

    #[test]
    fn what_the_documentation_lists_as_free_is_free_and_all_else_is_metered() {
        for path in [
            "/gettoken",
            "/v1.0/oauth2/accessToken",
            "/topapi/v2/user/getuserinfo",
            "/topapi/v2/department/listsub",
            "/v1.0/contact/empLeaveRecords",
        ] {
            assert_eq!(metering_of(path), Metering::None, "{path}");
        }
        for path in [
            "/topapi/message/corpconversation/getsendresult",
            "/v1.0/robot/oToMessages/readStatus",
            "/v1.0/card/instances",
            "/v1.0/todo/users/u/tasks",
            "/media/upload",
            "/topapi/blackboard/create",
            "/v1.0/storage/spaces/1/files/commit",
            "/v1.0/robot/ding/send",
        ] {
            assert_eq!(metering_of(path), Metering::Api, "{path}");
        }
        assert_eq!(metering_of("/robot/send"), Metering::Push);
    }

    #[test]
    fn the_nearest_entry_names_the_scope() {
        let post = |path| scope_of("POST", path);
        assert_eq!(post("/v1.0/robot/ding/send"), Some("Premium.Ding.Write"));
        assert_eq!(post("/topapi/v2/user/get"), Some("qyapi_get_member"));
        assert_eq!(
            post("/topapi/blackboard/listids"),
            Some("qyapi_blackboard_read")
        );
        assert_eq!(
            scope_of("GET", "/v1.0/todo/users/u/tasks/t"),
            Some("Todo.Todo.Read")
        );
        assert_eq!(post("/v1.0/oauth2/accessToken"), None);
    }
}
