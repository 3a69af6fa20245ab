//! The invented company of the stories: the people of `demo/people.csv`, their DingTalk groups and robots.

use yuezhi_domain::UnixMillis;
use yuezhi_sandbox::{App, Group, Organisation, Person, Robot, SandboxConfig, SandboxHandle};

pub(crate) const CLIENT_ID: &str = "dingstories0001";
pub(crate) const CLIENT_SECRET: &str = "client-secret-of-the-stories";
pub(crate) const AGENT_ID: i64 = 1;
pub(crate) const CARD_TEMPLATE: &str = "yuezhi-confirm.schema";
/// The first of the people, and so the organisation's main administrator.
pub(crate) const OPERATOR: &str = "LC00001";
pub(crate) const STAFF_SECRET: &str =
    "SECstories0000000000000000000000000000000000000000000000000000all";

/// 29 people of 20 departments; two of them have no mail address.
pub(crate) fn people_csv() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/demo/people.csv")).unwrap()
}

pub(crate) fn webhook(base: &str, group: &str) -> String {
    format!("{base}/robot/send?access_token={}", token(group))
}

fn token(group: &str) -> String {
    format!("{group:0>64}").replace('-', "0")
}

/// The robot of a group as the sandbox knows it.
pub(crate) fn group_robot(group: &str) -> Robot {
    Robot::new(token(group), "制度助手")
}

pub(super) async fn dingtalk(now: UnixMillis, hr_robot: bool) -> SandboxHandle {
    let people = people();
    let members: Vec<String> = people.iter().map(|person| person.userid.clone()).collect();
    let mut config = SandboxConfig::new(Organisation {
        corp_id: "dingstories".to_owned(),
        name: "澜川科技集团".to_owned(),
        people,
        ..Organisation::default()
    });
    config.clock.freeze_at_ms(now.0);
    config.seed = Some(1);
    let mut robot = group_robot("all-staff");
    robot.security.secret = Some(STAFF_SECRET.to_owned());
    config
        .groups
        .push(group("all-staff", "全员群", &members, robot));
    if hr_robot {
        let mut robot = group_robot("hr");
        robot.security.keywords = vec!["制度".to_owned()];
        config
            .groups
            .push(group("hr", "人力资源群", &members, robot));
    }
    config.apps = vec![App {
        name: "阅知".to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        robot_code: CLIENT_ID.to_owned(),
        agent_id: AGENT_ID,
        ..App::default()
    }];
    super::start_sandbox(config).await
}

fn group(id: &str, title: &str, members: &[String], robot: Robot) -> Group {
    let mut group = Group::new(id, title);
    group.members = members.to_vec();
    group.robots = vec![robot];
    group
}

fn people() -> Vec<Person> {
    let csv = String::from_utf8(people_csv()).unwrap();
    csv.trim_start_matches('\u{feff}')
        .lines()
        .skip(1)
        .map(|line| {
            let columns: Vec<&str> = line.split(',').collect();
            Person {
                userid: columns[0].to_owned(),
                unionid: format!("union-{}", columns[0]),
                name: columns[1].to_owned(),
                mobile: columns[4].to_owned(),
                email: columns[3].to_owned(),
                title: columns[5].to_owned(),
                ..Person::default()
            }
        })
        .collect()
}
