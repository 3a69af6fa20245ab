//! The invented company of the demonstration: 澜川科技集团 (Lanchuan Technology), its departments, people and groups.
//!
//! `yuezhi demo`, `yuezhi sandbox` and the measurements call [`company`]; nothing here is a real person or firm.
//! Invariant: the same `(people, seed)` gives the same company on every machine, `company(n, s).people.len() == n`, and
//! staff numbers, user ids, union ids, mobile numbers and mail addresses are unique. Linear in time and memory up to
//! a million people. Weakness: above 10,000 people the mobile numbers leave the range 1380000xxxx.

use std::{collections::HashMap, iter::repeat_n};

use serde::Serialize;

use super::{
    company_names::{self as names, Region},
    company_plan::{self, GROUPS, Plan},
};

/// How many people `yuezhi demo` invents unless told otherwise.
pub const DEFAULT_PEOPLE: usize = 320;

/// Members of one DingTalk group at most; larger audiences get their first members only.
const GROUP_LIMIT: usize = 1000;

/// How many people report to one person; teams above this size get team leads.
const SPAN: usize = 12;

/// Parents stand before their children in `departments`; in `people` the heads come first, in the departments' order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Company {
    pub name: &'static str,
    pub english_name: &'static str,
    pub corp_id: &'static str,
    pub departments: Vec<Department>,
    pub people: Vec<Person>,
    pub groups: Vec<Group>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Department {
    /// The root is 1, as in DingTalk.
    pub id: u32,
    pub parent_id: Option<u32>,
    /// Unique in the company.
    pub name: &'static str,
    pub site: Site,
}

/// Where people work; decides their time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    Hangzhou,
    Suzhou,
    Shenzhen,
    Beijing,
    Singapore,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// 工号, `LC00001` upwards.
    pub staff_no: String,
    /// DingTalk's id of the person in this organisation; unlike the staff number on purpose.
    pub userid: String,
    pub unionid: String,
    pub name: String,
    /// Eleven digits without a country code.
    pub mobile: String,
    /// About 4 % have none, all of them on the shop floor.
    pub email: Option<String>,
    pub title: &'static str,
    /// The main department first; a few people have two.
    pub department_ids: Vec<u32>,
    /// Only the president has none.
    pub manager_staff_no: Option<String>,
    /// `YYYY-MM-DD`, before November 2026.
    pub hired_on: String,
    /// `zh-CN` or `en`.
    pub language: &'static str,
}

/// A DingTalk group with its robot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// A stable ASCII name, for example `policy-news`.
    pub id: &'static str,
    pub title: &'static str,
    pub robot_name: &'static str,
    /// Staff numbers; the first one owns the group.
    pub members: Vec<String>,
}

impl Site {
    /// The IANA time zone of the site.
    pub const fn time_zone(self) -> &'static str {
        match self {
            Self::Hangzhou | Self::Suzhou | Self::Shenzhen | Self::Beijing => "Asia/Shanghai",
            Self::Singapore => "Asia/Singapore",
        }
    }
}

impl Company {
    /// The head of a department, for "act as …". `None` for an unknown name and in a company smaller than its tree.
    pub fn head_of(&self, department_name: &str) -> Option<&Person> {
        let named = |department: &Department| department.name == department_name;
        let position = self.departments.iter().position(named)?;
        self.people.get(position)
    }

    /// The last person of a department who is not its head: the typical employee of the demonstration.
    pub fn member_of(&self, department_name: &str) -> Option<&Person> {
        let named = |department: &&Department| department.name == department_name;
        let id = self.departments.iter().find(named)?.id;
        let not_heads = self.people.iter().skip(self.departments.len());
        not_heads
            .rev()
            .find(|person| person.department_ids[0] == id)
    }
}

/// Invents the company. `people` counts everyone; with fewer people than departments some departments stay empty.
pub fn company(people: usize, seed: u64) -> Company {
    let plans = company_plan::plans();
    let people = invent_people(&plans, people, seed);
    Company {
        name: "澜川科技集团",
        english_name: "Lanchuan Technology Group",
        corp_id: "ding1a2b3c4d5e6f7081lanchuan",
        groups: gather_groups(&plans, &people),
        departments: plans.into_iter().map(|plan| plan.department).collect(),
        people,
    }
}

fn gather_groups(plans: &[Plan], people: &[Person]) -> Vec<Group> {
    let gather = |plan: &company_plan::GroupPlan| {
        let named = |other: &Plan| other.department.name == plan.owner_department;
        let owner = plans
            .iter()
            .position(named)
            .and_then(|head| people.get(head));
        let others = people
            .iter()
            .filter(|person| owner.is_none_or(|owner| owner.staff_no != person.staff_no))
            .filter(|person| plan.takes(&person.department_ids, person.email.is_some()));
        let members = owner.into_iter().chain(others).take(GROUP_LIMIT);
        Group {
            id: plan.id,
            title: plan.title,
            robot_name: plan.robot_name,
            members: members.map(|person| person.staff_no.clone()).collect(),
        }
    };
    GROUPS.iter().map(gather).collect()
}

fn invent_people(plans: &[Plan], count: usize, seed: u64) -> Vec<Person> {
    let mut inventor = Inventor {
        seed,
        dice: Dice(seed),
        addresses: HashMap::new(),
    };
    let sizes = team_sizes(plans, count.saturating_sub(plans.len()));
    let heads = (0..plans.len()).take(count);
    let others = (0..plans.len()).flat_map(|plan| repeat_n(plan, sizes[plan]));
    let mut teams: Vec<Vec<usize>> = vec![Vec::new(); plans.len()];
    let mut people = Vec::with_capacity(count);
    for (index, plan) in heads.chain(others).enumerate() {
        let place = teams[plan].len();
        teams[plan].push(index);
        let seat = Seat {
            place,
            leads: place * SPAN < sizes[plan],
            manager: manager_of(&teams, plans, plan, place),
        };
        people.push(inventor.invent(index, &seat, plan, plans));
    }
    people
}

/// Splits those who head nothing by the shares, rounding so that the sum is exact.
fn team_sizes(plans: &[Plan], count: usize) -> Vec<usize> {
    let mut before = 0;
    let size = |plan: &Plan| {
        let from = count * before / 1000;
        before += plan.share;
        count * before / 1000 - from
    };
    plans.iter().map(size).collect()
}

/// A team is a tree with [`SPAN`] branches; its head reports to the head of the parent department.
fn manager_of(teams: &[Vec<usize>], plans: &[Plan], plan: usize, place: usize) -> Option<usize> {
    if place > 0 {
        return Some(teams[plan][(place - 1) / SPAN]);
    }
    let parent_id = plans[plan].department.parent_id?;
    let parent = plans
        .iter()
        .position(|other| other.department.id == parent_id)?;
    teams[parent].first().copied()
}

/// Where somebody sits in a team; place 0 is the head.
struct Seat {
    place: usize,
    leads: bool,
    manager: Option<usize>,
}

struct Inventor {
    seed: u64,
    dice: Dice,
    /// How often a local part was given away: `weimin.wang`, then `weimin.wang2`, `weimin.wang3`.
    addresses: HashMap<String, u32>,
}

impl Inventor {
    fn invent(&mut self, index: usize, seat: &Seat, plan: usize, plans: &[Plan]) -> Person {
        let home = &plans[plan];
        let abroad = home.department.site == Site::Singapore;
        let region = if abroad {
            Region::Singapore
        } else {
            Region::China
        };
        let name = names::invent(region, |sides| self.dice.roll(sides));
        let title = match seat.place {
            0 => home.head,
            _ if seat.leads => home.lead,
            _ => home.titles[self.dice.roll(home.titles.len())],
        };
        let without_mail = home.shop_floor && !seat.leads && self.dice.roll(1000) < 75;
        let second = self.second_department(seat, home, plans);
        Person {
            staff_no: staff_no(index),
            userid: userid(index),
            unionid: unionid(index, self.seed),
            mobile: (13_800_000_000 + index as u64).to_string(),
            email: (!without_mail).then(|| self.address(&name.mail)),
            name: name.shown,
            title,
            department_ids: [home.department.id].into_iter().chain(second).collect(),
            manager_staff_no: seat.manager.map(staff_no),
            hired_on: self.hired_on(seat.place),
            language: if abroad { "en" } else { "zh-CN" },
        }
    }

    fn second_department(&mut self, seat: &Seat, home: &Plan, plans: &[Plan]) -> Option<u32> {
        if home.shop_floor || seat.place == 0 || self.dice.roll(1000) >= 60 {
            return None;
        }
        let second = &plans[1 + self.dice.roll(plans.len() - 1)];
        let id = second.department.id;
        (id != home.department.id && !second.shop_floor).then_some(id)
    }

    fn address(&mut self, local_part: &str) -> String {
        let used = self.addresses.entry(local_part.to_owned()).or_insert(0);
        *used += 1;
        match *used {
            1 => format!("{local_part}@lanchuan.example"),
            again => format!("{local_part}{again}@lanchuan.example"),
        }
    }

    /// Heads came early, most others in the last few years; the company was founded in 2008.
    fn hired_on(&mut self, place: usize) -> String {
        let year = match place {
            0 => 2008 + self.dice.roll(10),
            _ => 2026 - self.dice.roll(15).min(self.dice.roll(15)),
        };
        let months = if year == 2026 { 10 } else { 12 };
        let month = 1 + self.dice.roll(months);
        format!("{year}-{month:02}-{:02}", 1 + self.dice.roll(28))
    }
}

fn staff_no(index: usize) -> String {
    format!("LC{:05}", index + 1)
}

/// Multiplication by an odd number permutes the 32-bit numbers, so the ids are unique and look arbitrary.
fn userid(index: usize) -> String {
    format!("16{:010}", (index as u32).wrapping_mul(2_654_435_761))
}

/// DingTalk's union ids are text that ends in `iEiE`. The mixing is a permutation, so they are unique.
fn unionid(index: usize, seed: u64) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut rest = mix(seed.wrapping_add(index as u64));
    let mut id = String::with_capacity(15);
    for _ in 0..11 {
        id.push(char::from(LETTERS[(rest % 62) as usize]));
        rest /= 62;
    }
    id.push_str("iEiE");
    id
}

/// SplitMix64: small, fast, and the same on every machine.
struct Dice(u64);

impl Dice {
    /// A number below `sides`, which is small and not 0.
    const fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        (mix(self.0) % sides as u64) as usize
    }
}

const fn mix(seed: u64) -> u64 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_company() {
        assert_eq!(company(DEFAULT_PEOPLE, 7), company(DEFAULT_PEOPLE, 7));
        assert_ne!(
            company(DEFAULT_PEOPLE, 7).people,
            company(DEFAULT_PEOPLE, 8).people
        );
    }

    #[test]
    fn the_company_has_exactly_the_people_asked_for() {
        for count in [0, 1, 10, 35, 36, DEFAULT_PEOPLE, 12_345] {
            assert_eq!(company(count, 1).people.len(), count);
        }
    }

    #[test]
    fn every_identifier_is_unique() {
        let people = company(20_000, 3).people;
        let distinct =
            |of: fn(&Person) -> &str| people.iter().map(of).collect::<HashSet<_>>().len();
        assert_eq!(distinct(|person| &person.staff_no), people.len());
        assert_eq!(distinct(|person| &person.userid), people.len());
        assert_eq!(distinct(|person| &person.unionid), people.len());
        assert_eq!(distinct(|person| &person.mobile), people.len());
        let addresses: Vec<_> = people
            .iter()
            .filter_map(|person| person.email.as_ref())
            .collect();
        assert_eq!(
            addresses.iter().collect::<HashSet<_>>().len(),
            addresses.len()
        );
    }

    #[test]
    fn a_few_people_have_no_mail_address_and_a_few_have_two_departments() {
        let people = company(10_000, 5).people;
        let without_mail = people
            .iter()
            .filter(|person| person.email.is_none())
            .count();
        assert!((300..500).contains(&without_mail), "{without_mail}");
        let in_two = people
            .iter()
            .filter(|person| person.department_ids.len() == 2)
            .count();
        assert!((100..400).contains(&in_two), "{in_two}");
    }

    #[test]
    fn everyone_but_the_president_reports_to_someone_with_a_lower_staff_number() {
        let people = company(2_000, 5).people;
        assert_eq!(people[0].manager_staff_no, None);
        for person in &people[1..] {
            let manager = person.manager_staff_no.as_deref().expect("has a manager");
            assert!(
                manager < person.staff_no.as_str(),
                "{manager} {}",
                person.staff_no
            );
        }
    }

    #[test]
    fn nobody_has_more_reports_than_the_span_allows() {
        let mut reports: HashMap<String, usize> = HashMap::new();
        for manager in company(5_000, 5)
            .people
            .into_iter()
            .filter_map(|person| person.manager_staff_no)
        {
            *reports.entry(manager).or_default() += 1;
        }
        let most = reports.into_values().max().expect("there are managers");
        assert!(most <= SPAN + company_plan::plans().len(), "{most}");
    }

    #[test]
    fn the_cast_of_the_demonstration_exists() {
        let company = company(DEFAULT_PEOPLE, 1);
        assert_eq!(
            company.head_of("财务部").map(|person| person.title),
            Some("财务总监")
        );
        let employee = company.member_of("华东区").expect("the region has people");
        assert_eq!(employee.department_ids[0], 101);
        assert_eq!(
            company
                .member_of("新加坡办事处")
                .map(|person| person.language),
            Some("en")
        );
        assert!(company.groups.iter().all(|group| group.members.len() > 1));
    }
}
