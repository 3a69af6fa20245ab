//! What a sandbox is started with: an invented organisation, its groups with their custom robots, and its apps.
//!
//! The caller makes these up; [`Organisation::small`] is enough for tests. The same types are kept in the journal and
//! answered by `/sandbox/*`, so their field names are part of the sandbox's interface.
//! Invariant: nothing here is checked against anything; a group may name a member who does not exist, who is ignored.

use serde::{Deserialize, Serialize};

/// One DingTalk organisation (企业).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Organisation {
    /// `ding…`, as `corpId` in OAuth answers.
    pub corp_id: String,
    pub name: String,
    pub departments: Vec<Department>,
    pub people: Vec<Person>,
    pub roles: Vec<Role>,
}

/// A department; the root has the id 1 and no parent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Department {
    pub id: i64,
    pub name: String,
    pub parent_id: Option<i64>,
    /// Where it stands among its siblings.
    pub order: i64,
    /// userids of the department's managers (部门主管).
    pub managers: Vec<String>,
}

/// A role (角色) that people may have, in a role group (角色组).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Role {
    pub id: i64,
    pub name: String,
    pub group_id: i64,
    pub group_name: String,
}

/// What a person may do in the admin console (管理后台).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminLevel {
    #[default]
    None,
    /// 主管理员, `sys_level` 1. Where nobody is, the first person of the organisation is.
    Main,
    /// 子管理员, `sys_level` 2.
    Sub,
}

/// An employee. By default active and nobody's manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Whether the person has ever logged in to DingTalk (已激活); others receive nothing.
    pub active: bool,
    pub admin: AdminLevel,
    /// 老板, `sys_level` 100.
    pub boss: bool,
    /// The departments this person leads.
    pub leads: Vec<i64>,
    pub manager_userid: Option<String>,
    /// 工号; may be empty.
    pub job_number: String,
    /// UTC epoch milliseconds of the first working day.
    pub hired_ms: Option<i64>,
    /// Ids of [`Role`]s.
    pub role_ids: Vec<i64>,
    /// The mailbox the organisation gave; may be empty.
    pub org_email: String,
    pub work_place: String,
    pub telephone: String,
    pub remark: String,
    /// A JSON object as text, or empty.
    pub extension: String,
}

impl Default for Person {
    fn default() -> Self {
        Self {
            userid: String::new(),
            unionid: String::new(),
            name: String::new(),
            mobile: String::new(),
            email: String::new(),
            avatar_colour: String::new(),
            title: String::new(),
            department_ids: Vec::new(),
            active: true,
            admin: AdminLevel::None,
            boss: false,
            leads: Vec::new(),
            manager_userid: None,
            job_number: String::new(),
            hired_ms: None,
            role_ids: Vec::new(),
            org_email: String::new(),
            work_place: String::new(),
            telephone: String::new(),
            remark: String::new(),
            extension: String::new(),
        }
    }
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
    /// The `chatid` of older calls, `chat…`; empty unless an app made the group.
    pub chat_id: String,
    pub kind: GroupKind,
    /// userid; without one the first member is the owner.
    pub owner: Option<String>,
    /// userids of the group's administrators (群管理员) besides the owner.
    pub sub_admins: Vec<String>,
    /// Client id of the app that made it.
    pub made_by: Option<String>,
    /// 0 for a group that was there from the start.
    pub made_ms: i64,
    /// Of a scene group: its template.
    pub template_id: String,
    /// Of a scene group: the key under which it was asked for, so that it is made once.
    pub uuid: Option<String>,
    /// A media id.
    pub icon: String,
    /// The management options as they were set, by their names in `snake_case`.
    pub management: std::collections::BTreeMap<String, i64>,
    /// Fixed tabs at the top of the conversation (群快捷栏).
    pub tabs: Vec<GroupTab>,
}

/// How a group came about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupKind {
    /// Made by a person in the client; apps cannot change it.
    #[default]
    Personal,
    /// Made by an app with `im/group/create`.
    Internal,
    /// 场景群
    Scene,
}

/// A fixed tab of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct GroupTab {
    pub id: String,
    pub title: String,
    pub pc_url: String,
    pub mobile_url: String,
    pub user_editable: bool,
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
    /// Whom it may see and reach; by default the whole organisation.
    pub visible: VisibleRange,
    /// How events, messages to its robot and clicks on its cards reach it; by default by Stream.
    pub push: crate::push::PushSettings,
}

/// An app's visible range (可使用范围 and 通讯录权限范围 in one). With both lists empty: the whole organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VisibleRange {
    /// Department ids; those below them are in the range as well.
    pub departments: Vec<i64>,
    pub userids: Vec<String>,
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
            order: id,
            managers: Vec::new(),
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
                        ..Person::default()
                    },
                )
                .collect(),
            roles: Vec::new(),
        }
    }

    /// The person's rank in the admin console; without an appointed main administrator the first person is it.
    pub fn admin_level(&self, person: &Person) -> AdminLevel {
        let is_first = || {
            self.people
                .first()
                .is_some_and(|first| first.userid == person.userid)
                && self
                    .people
                    .iter()
                    .all(|other| other.admin != AdminLevel::Main)
        };
        if person.admin == AdminLevel::None && is_first() {
            AdminLevel::Main
        } else {
            person.admin
        }
    }

    /// The department and all above it, the root last.
    pub fn with_ancestors(&self, department_id: i64) -> Vec<i64> {
        let mut path = Vec::new();
        let mut next = Some(department_id);
        // A circle of parents, which a change of departments cannot make but a caller can, ends here.
        while let Some(id) = next.filter(|id| !path.contains(id)) {
            let Some(department) = self
                .departments
                .iter()
                .find(|department| department.id == id)
            else {
                break;
            };
            path.push(id);
            next = department.parent_id;
        }
        path
    }
}
