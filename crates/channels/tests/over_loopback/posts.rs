//! Posts for the tests.

use yuezhi_channels::{Fact, Link, Message, Para, Post, Recipient};
use yuezhi_domain::{DeliveryKind, Language, UnixMillis};

/// 2026-11-22T10:00:00Z
pub(crate) const NOW: UnixMillis = UnixMillis(1_795_341_600_000);
pub(crate) const KEY: &str = "0199b2c4-7b1e-7000-8000-000000000001";

pub(crate) fn message() -> Message {
    Message {
        body: vec![
            Para::Text("本次修订调整了差旅报销标准。".into()),
            Para::Bullet("第三条 住宿标准上调".into()),
            Para::Bullet("第七条 新增高铁二等座".into()),
            Para::Quote("自 2026-12-01 起施行".into()),
        ],
        facts: vec![
            Fact {
                label: "版本".into(),
                value: "V3".into(),
            },
            Fact {
                label: "截止".into(),
                value: "2026-11-29 18:00".into(),
            },
        ],
        links: vec![Link {
            label: "阅读并确认".into(),
            url: "https://p.example/n/1?a=1&b=2".into(),
        }],
        footer: Some("财务部 · 有疑问请联系 policy@example.com".into()),
        list_id: Some("Travel_Expenses".into()),
        ..Message::new(
            DeliveryKind::Publish,
            Language::ZhCn,
            "差旅费管理制度（第三版）已发布",
            "请在 11 月 29 日前阅读并确认",
        )
    }
}

pub(crate) fn recipient() -> Recipient {
    Recipient {
        name: "张伟".into(),
        email: Some("zhang.wei@example.com".into()),
        dingtalk_user_id: Some("zhangwei01".into()),
        dingtalk_union_id: Some("unionOfZhangwei01".into()),
        ..Recipient::default()
    }
}

pub(crate) fn post() -> Post {
    post_of(message())
}

pub(crate) fn post_of(message: Message) -> Post {
    Post {
        key: KEY.into(),
        message: message.into(),
        personal_url: None,
        recipient: Some(recipient()),
        mentions: yuezhi_channels::Mentions::default(),
        members: std::sync::Arc::from([]),
        now: NOW,
    }
}
