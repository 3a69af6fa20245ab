//! [`Organisation::of`]: an invented company of any size, the same in every run.
//!
//! Called by the `sandbox` command for `--people N` and by load tests. Departments grow with the number of people:
//! fourteen below the root, then teams of about twenty-five. Everyone has a manager but the general manager.
//! Invariant: userids, unionids, mobiles and addresses are unique, and a longer company starts with the same names.
//! Weakness: numbers and domains are invented (`.example`, 1380000…), so nobody real is meant or reached.

use std::collections::HashMap;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::organisation::{AdminLevel, Department, Organisation, Person, Role};

const SEED: u64 = 0x79_75_65_7a_68_69;
const TEAM: usize = 25;
const DAY_MS: i64 = 86_400_000;
/// 2015-01-05, a Monday: nobody was hired before it.
const FOUNDED_MS: i64 = 1_420_387_200_000;
const DOMAIN: &str = "qinghe.example";

#[rustfmt::skip]
const COLOURS: [&str; 10] = [
    "#1677ff", "#f5853f", "#2ba471", "#8e6ce0", "#e0526f", "#0d94a6", "#b7791f", "#5b8c00", "#c0519b",
    "#4e6e8e",
];

/// Name, teams' names, titles of its people (the head's first), share of the people in percent.
type Branch = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    usize,
);

#[rustfmt::skip]
const BRANCHES: [Branch; 14] = [
    ("总经理办公室", &["战略发展组", "行政秘书组"], &["总经理", "总经理助理", "战略经理"], 2),
    ("人力资源部", &["招聘组", "薪酬绩效组", "培训发展组"], &["人力资源总监", "人力资源经理", "薪酬专员", "招聘专员"], 4),
    ("财务部", &["会计核算组", "资金管理组", "税务组"], &["财务总监", "会计", "出纳", "税务专员"], 4),
    ("法务合规部", &["合同组", "合规组"], &["法务总监", "法务专员", "合规专员"], 2),
    ("信息技术部", &["基础设施组", "应用系统组", "信息安全组"], &["信息技术总监", "系统管理员", "网络工程师", "安全工程师"], 5),
    ("研发中心", &["后端开发组", "前端开发组", "算法组", "测试组", "平台组"], &["研发总监", "后端工程师", "前端工程师", "算法工程师", "测试工程师"], 20),
    ("产品部", &["产品规划组", "用户体验组"], &["产品总监", "产品经理", "交互设计师", "视觉设计师"], 5),
    ("市场部", &["品牌组", "数字营销组", "活动组"], &["市场总监", "品牌经理", "市场专员"], 4),
    ("销售中心", &["华北大区", "华东大区", "华南大区", "西部大区", "渠道组"], &["销售总监", "大区经理", "客户经理", "销售专员"], 17),
    ("客户服务部", &["热线组", "技术支持组", "客户成功组"], &["客服总监", "客服主管", "客服专员", "技术支持工程师"], 9),
    ("采购部", &["战略采购组", "执行采购组"], &["采购总监", "采购经理", "采购专员"], 3),
    ("生产制造中心", &["一车间", "二车间", "三车间", "设备组", "工艺组"], &["生产总监", "车间主任", "班组长", "操作工", "设备工程师"], 17),
    ("质量管理部", &["来料检验组", "过程检验组", "体系组"], &["质量总监", "质量工程师", "检验员"], 4),
    ("International", &["Asia Pacific", "Europe"], &["International Director", "Account Manager", "海外运营经理"], 4),
];

const PLACES: [&str; 6] = ["杭州", "北京", "上海", "深圳", "成都", "武汉"];

#[rustfmt::skip]
const SURNAMES: [(&str, &str); 60] = [
    ("王", "wang"), ("李", "li"), ("张", "zhang"), ("刘", "liu"), ("陈", "chen"), ("杨", "yang"), ("黄", "huang"),
    ("赵", "zhao"), ("吴", "wu"), ("周", "zhou"), ("徐", "xu"), ("孙", "sun"), ("马", "ma"), ("朱", "zhu"),
    ("胡", "hu"), ("郭", "guo"), ("何", "he"), ("林", "lin"), ("高", "gao"), ("罗", "luo"), ("郑", "zheng"),
    ("梁", "liang"), ("谢", "xie"), ("宋", "song"), ("唐", "tang"), ("许", "xu"), ("邓", "deng"), ("韩", "han"),
    ("冯", "feng"), ("曹", "cao"), ("彭", "peng"), ("曾", "zeng"), ("肖", "xiao"), ("田", "tian"), ("董", "dong"),
    ("潘", "pan"), ("袁", "yuan"), ("蔡", "cai"), ("蒋", "jiang"), ("余", "yu"), ("于", "yu"), ("杜", "du"),
    ("叶", "ye"), ("程", "cheng"), ("魏", "wei"), ("苏", "su"), ("吕", "lv"), ("丁", "ding"), ("任", "ren"),
    ("卢", "lu"), ("姚", "yao"), ("沈", "shen"), ("钟", "zhong"), ("姜", "jiang"), ("崔", "cui"), ("谭", "tan"),
    ("陆", "lu"), ("范", "fan"), ("欧阳", "ouyang"), ("上官", "shangguan"),
];

#[rustfmt::skip]
const GIVEN: [(&str, &str); 72] = [
    ("伟", "wei"), ("芳", "fang"), ("娜", "na"), ("敏", "min"), ("静", "jing"), ("磊", "lei"), ("洋", "yang"),
    ("艳", "yan"), ("勇", "yong"), ("杰", "jie"), ("涛", "tao"), ("超", "chao"), ("霞", "xia"), ("平", "ping"),
    ("刚", "gang"), ("玲", "ling"), ("浩", "hao"), ("鹏", "peng"), ("子轩", "zixuan"), ("雨欣", "yuxin"),
    ("梓涵", "zihan"), ("思远", "siyuan"), ("佳怡", "jiayi"), ("俊杰", "junjie"), ("晓彤", "xiaotong"),
    ("志强", "zhiqiang"), ("秀英", "xiuying"), ("建国", "jianguo"), ("丽华", "lihua"), ("明轩", "mingxuan"),
    ("诗涵", "shihan"), ("宇航", "yuhang"), ("欣怡", "xinyi"), ("浩然", "haoran"), ("晨曦", "chenxi"), ("若曦", "ruoxi"),
    ("天佑", "tianyou"), ("一鸣", "yiming"), ("文博", "wenbo"), ("雅婷", "yating"), ("凯", "kai"), ("倩", "qian"),
    ("波", "bo"), ("琳", "lin"), ("斌", "bin"), ("婷", "ting"), ("宁", "ning"), ("慧", "hui"), ("建华", "jianhua"),
    ("海燕", "haiyan"), ("晓东", "xiaodong"), ("春梅", "chunmei"), ("国强", "guoqiang"), ("玉兰", "yulan"),
    ("佳琪", "jiaqi"), ("泽宇", "zeyu"), ("书瑶", "shuyao"), ("嘉豪", "jiahao"), ("可馨", "kexin"), ("博文", "bowen"),
    ("梦瑶", "mengyao"), ("立新", "lixin"), ("红梅", "hongmei"), ("振华", "zhenhua"), ("雪", "xue"), ("鑫", "xin"),
    ("颖", "ying"), ("峰", "feng"), ("岚", "lan"), ("睿", "rui"), ("瑾瑜", "jinyu"), ("景行", "jingxing"),
];

#[rustfmt::skip]
const ENGLISH: [(&str, &str); 24] = [
    ("Alice", "Morgan"), ("Daniel", "Okafor"), ("Emma", "Fischer"), ("Noah", "Tanaka"), ("Sofia", "Rossi"),
    ("Liam", "O'Brien"), ("Grace", "Lim"), ("Ethan", "Müller"), ("Maya", "Patel"), ("Oliver", "Novak"),
    ("Chloe", "Dubois"), ("Lucas", "Silva"), ("Hannah", "Kim"), ("Oscar", "Lindqvist"), ("Nina", "Petrova"),
    ("Samuel", "Adeyemi"), ("Isla", "MacLeod"), ("Arjun", "Nair"), ("Zoe", "Papadaki"), ("Felix", "Bauer"),
    ("Leah", "Cohen"), ("Hugo", "Garcia"), ("Aisha", "Rahman"), ("Peter", "van Dijk"),
];

impl Organisation {
    /// A company of this many people, with departments, managers and roles. At least one person.
    pub fn of(people: usize) -> Self {
        let people = people.max(1);
        let mut made = Self {
            corp_id: "ding7c2e94b1a05f4d38".into(),
            name: "青禾智造科技有限公司".into(),
            departments: vec![Department {
                id: 1,
                name: "青禾智造科技有限公司".into(),
                order: 1,
                ..Department::default()
            }],
            people: Vec::with_capacity(people),
            roles: roles(),
        };
        let seats = seats(people, &mut made.departments);
        let mut dice = StdRng::seed_from_u64(SEED);
        let mut taken = HashMap::new();
        for (at, seat) in seats.into_iter().enumerate() {
            let person = invent(at, &seat, &mut dice, &mut taken);
            made.people.push(person);
        }
        appoint(&mut made);
        made
    }
}

fn roles() -> Vec<Role> {
    let role = |id, name: &str, group_id, group_name: &str| Role {
        id,
        name: name.into(),
        group_id,
        group_name: group_name.into(),
    };
    vec![
        role(1001, "主管理员", 1000, "默认"),
        role(1002, "子管理员", 1000, "默认"),
        role(1003, "负责人", 1000, "默认"),
        role(1004, "主管", 1000, "默认"),
        role(2001, "财务", 2000, "岗位"),
        role(2002, "人事", 2000, "岗位"),
        role(2003, "公告管理员", 2000, "岗位"),
    ]
}

/// Where somebody sits.
struct Seat {
    branch: usize,
    department_id: i64,
    /// 0 for the head of a branch.
    rank: usize,
}

/// The heads of the branches first, then everyone branch by branch; departments are added as they fill.
fn seats(people: usize, departments: &mut Vec<Department>) -> Vec<Seat> {
    let mut seats: Vec<Seat> = Vec::with_capacity(people);
    let heads = people.min(BRANCHES.len());
    for (at, (name, ..)) in BRANCHES.iter().enumerate().take(heads) {
        let id = 100 * (at as i64 + 1);
        departments.push(Department {
            id,
            name: (*name).into(),
            parent_id: Some(1),
            order: id,
            ..Department::default()
        });
        seats.push(Seat {
            branch: at,
            department_id: id,
            rank: 0,
        });
    }
    let rest = people - heads;
    let mut left = rest;
    for (at, (_, teams, _, share)) in BRANCHES.iter().enumerate().take(heads) {
        let here = if at + 1 == heads {
            left
        } else {
            (rest * share / 100).min(left)
        };
        left -= here;
        let parent = 100 * (at as i64 + 1);
        let team_count = here.div_ceil(TEAM);
        let mut ids = Vec::new();
        for team in 0..team_count {
            let base = teams.get(team % teams.len()).copied().unwrap_or("一组");
            let round = team / teams.len();
            let name = if round == 0 {
                base.to_owned()
            } else {
                format!("{base}（{}）", round + 1)
            };
            let id = parent * 1_000 + team as i64 + 1;
            // A branch of one small team needs no level below.
            if team_count == 1 && here <= TEAM / 2 {
                ids.push(parent);
            } else {
                departments.push(Department {
                    id,
                    name,
                    parent_id: Some(parent),
                    order: id,
                    ..Department::default()
                });
                ids.push(id);
            }
        }
        for seat in 0..here {
            let department_id = ids.get(seat % team_count.max(1)).copied().unwrap_or(parent);
            seats.push(Seat {
                branch: at,
                department_id,
                rank: seat + 1,
            });
        }
    }
    seats
}

fn invent(at: usize, seat: &Seat, dice: &mut StdRng, taken: &mut HashMap<String, u32>) -> Person {
    let (_, _, titles, _) = BRANCHES[seat.branch % BRANCHES.len()];
    let is_english =
        (seat.branch == BRANCHES.len() - 1 && dice.random_bool(0.6)) || dice.random_bool(0.01);
    let (name, spelt) = if is_english {
        let (first, _) = ENGLISH[dice.random_range(0..ENGLISH.len())];
        let (_, last) = ENGLISH[dice.random_range(0..ENGLISH.len())];
        let spelt: String = format!("{first}.{last}")
            .chars()
            .filter(|letter| letter.is_ascii_alphanumeric() || *letter == '.')
            .collect();
        (format!("{first} {last}"), spelt.to_lowercase())
    } else {
        let (surname, surname_spelt) = SURNAMES[dice.random_range(0..SURNAMES.len())];
        let (given, given_spelt) = GIVEN[dice.random_range(0..GIVEN.len())];
        (
            format!("{surname}{given}"),
            format!("{surname_spelt}{given_spelt}"),
        )
    };
    let seen = taken.entry(spelt.clone()).or_insert(0);
    *seen += 1;
    let userid = if *seen == 1 {
        spelt
    } else {
        format!("{spelt}{seen:02}")
    };
    let title = if seat.rank == 0 {
        titles.first()
    } else {
        titles.get(1 + (seat.rank - 1) % (titles.len() - 1).max(1))
    };
    let hired = FOUNDED_MS + dice.random_range(0_i64..4_200) * DAY_MS;
    let has_own_mail = dice.random_bool(0.3);
    Person {
        unionid: format!("u{:08x}iEiE{at:06}", dice.random::<u32>()),
        name,
        mobile: format!("138{:08}", 10_000 + at),
        email: if has_own_mail {
            String::new()
        } else {
            format!("{userid}@{DOMAIN}")
        },
        org_email: format!("{userid}@{DOMAIN}"),
        avatar_colour: COLOURS[at % COLOURS.len()].into(),
        title: title.copied().unwrap_or("员工").into(),
        department_ids: vec![seat.department_id],
        active: seat.rank == 0 || !dice.random_bool(0.02),
        job_number: format!("QH{:05}", at + 1),
        hired_ms: Some(hired),
        work_place: PLACES[dice.random_range(0..PLACES.len())].into(),
        extension: format!(
            "{{\"工龄段\":\"{}\"}}",
            if hired < FOUNDED_MS + 1_800 * DAY_MS {
                "五年以上"
            } else {
                "五年以内"
            }
        ),
        userid,
        ..Person::default()
    }
}

/// Heads, team leaders, managers and administrators, now that everyone is there.
fn appoint(made: &mut Organisation) {
    let leader_of: HashMap<i64, String> = made
        .departments
        .iter()
        .filter_map(|department| {
            let first = made
                .people
                .iter()
                .find(|person| person.department_ids.contains(&department.id));
            first.map(|person| (department.id, person.userid.clone()))
        })
        .collect();
    let parent_of: HashMap<i64, i64> = made
        .departments
        .iter()
        .filter_map(|department| Some((department.id, department.parent_id?)))
        .collect();
    let top = made.people.first().map(|person| person.userid.clone());
    for department in &mut made.departments {
        let leader = if department.id == 1 {
            top.as_ref()
        } else {
            leader_of.get(&department.id)
        };
        department.managers = leader.cloned().into_iter().collect();
    }
    for person in &mut made.people {
        let own = person.department_ids.first().copied().unwrap_or(1);
        let above = |id: i64| {
            leader_of
                .get(&id)
                .filter(|leader| **leader != person.userid)
                .cloned()
        };
        person.manager_userid = above(own)
            .or_else(|| above(*parent_of.get(&own)?))
            .or_else(|| top.clone().filter(|top| *top != person.userid));
        if leader_of.get(&own) == Some(&person.userid) {
            person.leads.push(own);
            person.role_ids.push(1004);
        }
    }
    if let Some(first) = made.people.first_mut() {
        first.boss = true;
        first.admin = AdminLevel::Main;
        first.leads.push(1);
        first.role_ids.extend([1001, 1003]);
    }
    // The heads of personnel and IT run the console; personnel publishes announcements.
    for (at, roles) in [(1, &[1002, 2002, 2003][..]), (4, &[1002][..])] {
        if let Some(person) = made.people.get_mut(at) {
            person.admin = AdminLevel::Sub;
            person.role_ids.extend(roles);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_company_of_any_size_is_whole_and_the_same_every_time() {
        for size in [1, 2, 15, 16, 120, 2_000] {
            let company = Organisation::of(size);
            assert_eq!(company.people.len(), size);
            assert_eq!(company, Organisation::of(size));
            for field in [
                |p: &Person| p.userid.clone(),
                |p: &Person| p.unionid.clone(),
                |p: &Person| p.mobile.clone(),
                |p: &Person| p.org_email.clone(),
            ] {
                let distinct: HashSet<_> = company.people.iter().map(field).collect();
                assert_eq!(distinct.len(), size);
            }
            let ids: HashSet<_> = company
                .departments
                .iter()
                .map(|department| department.id)
                .collect();
            assert_eq!(ids.len(), company.departments.len());
            for person in &company.people {
                assert!(person.department_ids.iter().all(|id| ids.contains(id)));
                assert!(
                    company
                        .with_ancestors(person.department_ids[0])
                        .contains(&1)
                );
            }
            let without_manager = company
                .people
                .iter()
                .filter(|person| person.manager_userid.is_none());
            assert_eq!(without_manager.count(), 1, "the general manager");
        }
    }

    #[test]
    fn it_has_chinese_and_english_names_administrators_and_somebody_who_never_logged_in() {
        let company = Organisation::of(1_000);
        let people = &company.people;
        assert!(people.iter().any(|person| person.name.is_ascii()));
        assert!(
            people
                .iter()
                .filter(|person| !person.name.is_ascii())
                .count()
                > 900
        );
        assert!(people.iter().any(|person| !person.active));
        assert_eq!(company.admin_level(&people[0]), AdminLevel::Main);
        assert_eq!(
            people
                .iter()
                .filter(|person| person.admin == AdminLevel::Sub)
                .count(),
            2
        );
        assert!(company.departments.len() > 40);
    }
}
