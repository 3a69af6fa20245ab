//! The shape of the invented company: its department table and its groups.
//!
//! Called by `company` only; the table is the file `demo/departments.csv`, compiled in.
//! Invariant: parents stand before their children, names are unique, the shares add up to 1000. Weakness: a broken
//! table panics when the demonstration starts; a test reads it first.

use super::company::{Department, Site};

const TABLE: &str = include_str!("../../demo/departments.csv");

/// What is known of a department before people are invented.
pub(super) struct Plan {
    pub(super) department: Department,
    /// Of 1000 people who head nothing, so many work here.
    pub(super) share: usize,
    /// The title of the head.
    pub(super) head: &'static str,
    /// The title of a team lead below the head.
    pub(super) lead: &'static str,
    /// Titles of the others; a frequent one stands twice.
    pub(super) titles: Vec<&'static str>,
    /// On the shop floor many people have no mail address.
    pub(super) shop_floor: bool,
}

pub(super) struct GroupPlan {
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) robot_name: &'static str,
    pub(super) owner_department: &'static str,
    /// Empty takes everyone with a mail address: the shop floor has its own group.
    departments: &'static [u32],
}

impl GroupPlan {
    pub(super) fn takes(&self, department_ids: &[u32], has_mail: bool) -> bool {
        match self.departments {
            [] => has_mail,
            wanted => department_ids.iter().any(|id| wanted.contains(id)),
        }
    }
}

/// The department table, in the file's order.
pub(super) fn plans() -> Vec<Plan> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| plan(line).expect("the compiled-in department table is well formed"))
        .collect()
}

fn plan(line: &'static str) -> Option<Plan> {
    let mut cells = line.split(',');
    let department = Department {
        id: cells.next()?.parse().ok()?,
        parent_id: cells.next()?.parse().ok(),
        name: cells.next()?,
        site: site(cells.next()?)?,
    };
    Some(Plan {
        department,
        share: cells.next()?.parse().ok()?,
        shop_floor: cells.next()? == "yes",
        head: cells.next()?,
        lead: cells.next()?,
        titles: cells.next()?.split('|').collect(),
    })
}

fn site(word: &str) -> Option<Site> {
    Some(match word {
        "hangzhou" => Site::Hangzhou,
        "suzhou" => Site::Suzhou,
        "shenzhen" => Site::Shenzhen,
        "beijing" => Site::Beijing,
        "singapore" => Site::Singapore,
        _ => return None,
    })
}

pub(super) const GROUPS: &[GroupPlan] = &[
    GroupPlan {
        id: "policy-news",
        title: "澜川制度发布群",
        robot_name: "制度小助手",
        owner_department: "人力资源部",
        departments: &[],
    },
    GroupPlan {
        id: "finance-help",
        title: "财务小助手",
        robot_name: "报销助手",
        owner_department: "财务部",
        departments: &[30, 100, 101, 102, 103, 104],
    },
    GroupPlan {
        id: "plant-notice",
        title: "苏州制造中心通知群",
        robot_name: "厂区播报",
        owner_department: "制造中心",
        departments: &[80, 81, 811, 812, 82, 821, 822, 83, 90, 95],
    },
    GroupPlan {
        id: "sales-all",
        title: "销售中心全员群",
        robot_name: "销售播报",
        owner_department: "销售中心",
        departments: &[100, 101, 102, 103, 104],
    },
    GroupPlan {
        id: "it-security",
        title: "信息安全通报群",
        robot_name: "安全播报",
        owner_department: "信息技术部",
        departments: &[40, 41, 42, 43, 70, 71, 72, 73, 74],
    },
    GroupPlan {
        id: "singapore-office",
        title: "Lanchuan Singapore Office",
        robot_name: "Policy Bot",
        owner_department: "新加坡办事处",
        departments: &[120],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_department_stands_after_its_parent() {
        let plans = plans();
        for (index, plan) in plans.iter().enumerate() {
            let known = |id| {
                plans[..index]
                    .iter()
                    .any(|earlier| earlier.department.id == id)
            };
            assert!(
                plan.department.parent_id.is_none_or(known),
                "{}",
                plan.department.name
            );
            assert_eq!(plan.department.parent_id.is_none(), index == 0);
        }
    }

    #[test]
    fn the_shares_add_up_and_every_group_has_an_owner() {
        let plans = plans();
        assert_eq!(plans.iter().map(|plan| plan.share).sum::<usize>(), 1000);
        let has = |name: &str| plans.iter().any(|plan| plan.department.name == name);
        assert!(GROUPS.iter().all(|group| has(group.owner_department)));
    }
}
