//! What a sandbox is started with: an invented organisation, its groups with their custom robots, and its apps.
//!
//! The caller makes these up; [`Organisation::small`] is enough for tests. The same types are kept in the journal and
//! answered by `/sandbox/*`, so their field names are part of the sandbox's interface.
//! Invariant: nothing here is checked against anything; a group may name a member who does not exist, who is ignored.

use serde::{Deserialize, Serialize};

/// One DingTalk organisation (企业).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Organisation {
    /// `ding…`, as `corpId` in OAuth answers.
    pub corp_id: String,
    pub name: String,
    pub departments: Vec<Department>,
    pub people: Vec<Person>,
}

/// A department; the root has the id 1 and no parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Department {
    pub id: i64,
    pub name: String,
    pub parent_id: Option<i64>,
}

/// An employee.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub userid: String,
    pub unionid: String,
    pub name: String,
    /// Without country code, e.g. `13800000001`.
    pub mobile: String,
    pub email: String,
    /// `#rrggbb` of the avatar in the chat client; anything else is shown in the default blue.
    pub avatar_colour: String,
    pub title: String,
    pub department_ids: Vec<i64>,
}

/// A group conversation (群).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Group {
    /// The `openConversationId`, `cid…==`.
    pub id: String,
    pub title: String,
    /// userids.
    pub members: Vec<String>,
    /// Custom robots (自定义机器人), each with its own webhook.
    pub robots: Vec<Robot>,
    /// `robotCode`s of the app robots in this group.
    pub app_robots: Vec<String>,
    pub dissolved: bool,
}

/// A custom robot of one group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Robot {
    pub access_token: String,
    pub name: String,
    pub security: Security,
    pub state: RobotState,
}

/// Security settings (安全设置); a rule that is empty is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Security {
    /// At most ten; a message must contain one of them.
    pub keywords: Vec<String>,
    /// `SEC…`; the request must be signed with it.
    pub secret: Option<String>,
    /// IPv4 addresses or CIDR ranges.
    pub ips: Vec<String>,
}

/// What the administrator has made of a robot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RobotState {
    #[default]
    Active,
    /// 已停用: refuses with 400102.
    Disabled,
    /// Removed from the group: refuses with 400106 and is no longer listed.
    Removed,
}

/// An internal app (企业内部应用) with its robot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct App {
    /// Shown as the sender of the app robot's messages.
    pub name: String,
    pub client_id: String,
    pub client_secret: String,
    pub robot_code: String,
    pub agent_id: i64,
}

impl Group {
    /// An empty group.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            title: title.into(),
            ..Self::default()
        }
    }

    /// The robots that have not been removed.
    pub fn listed_robots(&self) -> impl Iterator<Item = &Robot> {
        self.robots
            .iter()
            .filter(|robot| robot.state != RobotState::Removed)
    }
}

impl Robot {
    /// An active robot without any security setting (which the real platform does not allow).
    pub fn new(access_token: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            access_token: access_token.into(),
            name: name.into(),
            ..Self::default()
        }
    }
}

impl Organisation {
    /// Six people in three departments; enough for a test.
    pub fn small() -> Self {
        let department = |id, name: &str, parent_id| Department {
            id,
            name: name.into(),
            parent_id,
        };
        let rows = [
            (
                "zhangwei",
                "张伟",
                "13800000001",
                "#1677ff",
                "人力资源经理",
                2,
            ),
            ("lina", "李娜", "13800000002", "#f5853f", "薪酬专员", 2),
            (
                "wangfang",
                "王芳",
                "13800000003",
                "#2ba471",
                "后端工程师",
                3,
            ),
            ("liuyang", "刘洋", "13800000004", "#8e6ce0", "前端工程师", 3),
            (
                "chenjing",
                "陈静",
                "13800000005",
                "#e0526f",
                "测试工程师",
                3,
            ),
            ("zhaolei", "赵磊", "13800000006", "#0d94a6", "研发总监", 3),
        ];
        Self {
            corp_id: "ding5a8c31e0b7f24d96".into(),
            name: "云杉科技".into(),
            departments: vec![
                department(1, "云杉科技", None),
                department(2, "人力资源部", Some(1)),
                department(3, "研发中心", Some(1)),
            ],
            people: rows
                .into_iter()
                .map(
                    |(userid, name, mobile, colour, title, department_id)| Person {
                        userid: userid.into(),
                        unionid: format!("union-{userid}"),
                        name: name.into(),
                        mobile: mobile.into(),
                        email: format!("{userid}@yunshan.example"),
                        avatar_colour: colour.into(),
                        title: title.into(),
                        department_ids: vec![department_id],
                    },
                )
                .collect(),
        }
    }
}
