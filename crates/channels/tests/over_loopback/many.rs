//! Messages to many people, for the tests of lanes that carry them together.

use yuezhi_channels::{Bulk, Matter, Recipient, SentMessage};
use yuezhi_domain::{Language, UnixMillis};

use crate::posts::{KEY, NOW, message};

pub(crate) const NOTICE: &str = "0199b2c4-0000-7000-8000-00000000000a";

/// A message to so many people, who are asked to confirm.
pub(crate) fn bulk(people: usize) -> Bulk {
    let mut message = message();
    message.matter = Some(Matter {
        notice: NOTICE.into(),
        wants_confirmation: true,
        confirm_label: "我已阅读并理解".into(),
        confirmed_label: "已确认".into(),
        due_at: Some(UnixMillis(NOW.get() + 7 * 86_400_000)),
    });
    Bulk {
        key: KEY.into(),
        message: message.into(),
        recipients: (0..people).map(person).collect(),
        now: NOW,
    }
}

/// One of many.
pub(crate) fn person(number: usize) -> Recipient {
    Recipient {
        name: format!("员工{number}"),
        dingtalk_user_id: Some(format!("user{number:04}")),
        dingtalk_union_id: Some(format!("union{number:04}")),
        ..Recipient::default()
    }
}

/// A message that went to the first so many.
pub(crate) fn sent(platform_id: &str, people: usize) -> SentMessage {
    SentMessage {
        platform_id: platform_id.into(),
        recipients: (0..people).map(person).collect(),
        language: Language::ZhCn,
        sent_at: NOW,
    }
}
