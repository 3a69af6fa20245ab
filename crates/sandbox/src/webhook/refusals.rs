//! The texts a webhook refuses with, in the three generations that are in the wild.
//!
//! Sources: the documented error table of 自定义机器人, and answers quoted in public issues (e.g. backup-x#106,
//! TrendRadar#70, chatgpt-bot-dingding#2, dingtalk-plugin#116 and #369, prometheus-webhook-dingtalk#222).
//! Weakness: the Chinese text for a stale timestamp is remembered, not quoted from a source.

use crate::call::LegacyRefusal;
use crate::rules::{Codes, ErrorLanguage, Rules, Unsuitable};

const LINK: &str = "请参考本接口对应文档查看";

pub(super) fn keywords(rules: &Rules) -> LegacyRefusal {
    let solution = "请联系群管理员查看此机器人的关键词，并在发送的信息中包含此关键词";
    security(rules, "关键词不匹配", solution, "keywords not in content")
}

pub(super) fn signature(rules: &Rules) -> LegacyRefusal {
    let solution =
        "请确认签名和生成签名的时间戳必须都放在调用的网址中，请确认机器人的密钥加密和填写正确";
    security(rules, "机器人发送签名不匹配", solution, "sign not match")
}

pub(super) fn timestamp(rules: &Rules) -> LegacyRefusal {
    let solution = "签名生成时间和发送时间请保持在 timestampms 以内";
    security(rules, "机器人发送签名过期", solution, "invalid timestamp")
}

pub(super) fn address(rules: &Rules, peer: std::net::IpAddr) -> LegacyRefusal {
    let english = format!("ip {peer} not in whitelist");
    security(
        rules,
        "ip 不在白名单中",
        "请联系对应群的管理员，设置机器人安全ip地址段",
        &english,
    )
}

pub(crate) fn too_fast(rules: &Rules) -> LegacyRefusal {
    match rules.codes {
        Codes::Wire => LegacyRefusal::new(130_101, "send too fast, exceed 20 times per minute"),
        Codes::Documented => LegacyRefusal::new(410_100, "发送速度太快而限流"),
    }
}

/// Inferred from the code of the other budget; the documentation does not say what a webhook answers here.
pub(super) fn month_used_up() -> LegacyRefusal {
    LegacyRefusal::new(
        90_020,
        "您的组织本月 Webhook 调用量已用完，请升级或购买增购包",
    )
}

pub(super) fn too_long(rules: &Rules) -> LegacyRefusal {
    let limit = rules.limits.webhook_body_bytes;
    let text = match rules.error_language {
        ErrorLanguage::English => format!("message too long, exceed {limit} bytes"),
        _ => format!("description: body 大小不合法;solution:请保持大小在 {limit}bytes 以内;"),
    };
    LegacyRefusal::new(460_101, text)
}

/// A field of a message is missing, empty or of the wrong type: 400402 titles, 400403 texts, 40035 the rest.
pub(super) fn field(msgtype: &str, field: &str) -> LegacyRefusal {
    let errcode = match field {
        "title" => 400_402,
        "text" | "content" => 400_403,
        _ => 40_035,
    };
    let description = format!("参数 {msgtype} --》 {field} 缺失，或者参数格式不正确");
    LegacyRefusal::new(
        errcode,
        format!("description:{description};solution:请检查参数 {field};link:{LINK};"),
    )
}

pub(crate) fn unsuitable(found: Unsuitable) -> LegacyRefusal {
    match found {
        Unsuitable::Link => LegacyRefusal::new(430_101, "含有不安全的外链"),
        Unsuitable::Text => LegacyRefusal::new(430_102, "含有不合适的文本"),
        Unsuitable::Picture => LegacyRefusal::new(430_103, "含有不合适的图片"),
        Unsuitable::Content => LegacyRefusal::new(430_104, "含有不合适的内容"),
    }
}

fn security(rules: &Rules, description: &str, solution: &str, english: &str) -> LegacyRefusal {
    let text = match rules.error_language {
        ErrorLanguage::Description => {
            format!("description:{description};solution:{solution};link:{LINK};")
        }
        ErrorLanguage::Labelled => format!("错误描述:{description};解决方案:{solution};"),
        ErrorLanguage::English => english.to_owned(),
    };
    LegacyRefusal::new(310_000, text)
}
