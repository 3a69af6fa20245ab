//! Events that are not about the directory: messages read or recalled, to-dos, announcements,
//! and who may see the app.
//!
//! Caller: [`Event`](super::Event). All of them count against the Webhook&Stream quota; reading
//! `robot_msg_read` of everybody costs one push per person and message.
//! Source: 机器人消息已读事件, 待办任务事件, 公告事件, 应用可见范围变更, the official documents.

use super::lenient::Fields;

/// Somebody has read, or the app has recalled, a message of the robot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageMark {
    /// What sending returned.
    pub process_query_key: String,
    pub user_id: Option<String>,
    pub union_id: Option<String>,
    pub robot_code: Option<String>,
    pub open_conversation_id: Option<String>,
    /// Unix milliseconds; spelt `operatTime` by the platform.
    pub at_ms: Option<i64>,
}

impl MessageMark {
    pub(super) fn of(fields: &Fields) -> Self {
        Self {
            process_query_key: fields.text_or_empty("processquerykey"),
            user_id: fields.text("userid"),
            union_id: fields.text("unionid"),
            robot_code: fields.text("robotcode"),
            open_conversation_id: fields.text("openconversationid"),
            at_ms: fields
                .number("operattime")
                .or_else(|| fields.number("operatetime")),
        }
    }
}

/// `todo_task_create`, `todo_task_update`, `todo_task_delete`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TodoEvent {
    pub change: TodoChange,
    pub task_id: String,
    pub union_ids: Vec<String>,
    pub biz_tag: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TodoChange {
    Created,
    Updated,
    Deleted,
}

impl TodoEvent {
    pub(super) fn of(event_type: &str, fields: &Fields) -> Option<Self> {
        let change = match event_type {
            "todo_task_create" => TodoChange::Created,
            "todo_task_update" => TodoChange::Updated,
            "todo_task_delete" => TodoChange::Deleted,
            _ => return None,
        };
        Some(Self {
            change,
            task_id: fields.text_or_empty("taskid"),
            union_ids: fields.texts("unionidlist"),
            biz_tag: fields.text("biztag"),
        })
    }
}

/// An announcement is out; the only way to learn its id without listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlackboardSent {
    pub blackboard_id: String,
    pub category_id: Option<String>,
    pub category_name: Option<String>,
    pub blackboard_type: Option<String>,
    /// unionId of the sender.
    pub union_id: Option<String>,
    /// userids.
    pub staff_ids: Vec<String>,
    pub department_ids: Vec<i64>,
    pub open_conversation_ids: Vec<String>,
}

impl BlackboardSent {
    pub(super) fn of(fields: &Fields) -> Self {
        let receivers = fields.object("receivers");
        Self {
            blackboard_id: fields.text_or_empty("blackboardid"),
            category_id: fields.text("categoryid"),
            category_name: fields.text("categoryname"),
            blackboard_type: fields.text("blackboardtype"),
            union_id: fields.text("unionid"),
            staff_ids: receivers.texts("staffids"),
            department_ids: receivers.numbers("deptids"),
            open_conversation_ids: receivers.texts("openconversationids"),
        }
    }
}

/// `inner_app_scopes_change`: who may see the app now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopesChanged {
    pub user_ids: Vec<String>,
    pub department_ids: Vec<i64>,
    pub role_ids: Vec<i64>,
    pub operator_union_id: Option<String>,
}

impl ScopesChanged {
    pub(super) fn of(fields: &Fields) -> Self {
        Self {
            user_ids: fields.texts("userids"),
            department_ids: fields.numbers("deptids"),
            role_ids: fields.numbers("roleids"),
            operator_union_id: fields.text("operatorunionid"),
        }
    }
}
