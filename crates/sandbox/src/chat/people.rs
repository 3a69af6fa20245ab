//! `GET /chat/people`: whom the reader can become, found by name, letters of the name, mobile, title or department.
//!
//! The sandbox has no table of pinyin; userids and the local parts of mail addresses are usually the name in letters,
//! so letters are looked for there: as they stand, or as initials (`zw` finds `zhangwei`).
//! Weakness: people whose userid is a number and who have no address are found by their characters only.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::view;
use crate::organisation::Person;
use crate::shared::Shared;
use crate::world::World;

const SHOWN: usize = 60;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Search {
    q: String,
    /// Only people of this department or of one below it.
    department: Option<i64>,
}

/// At most 60 people with their unread counts, how many there are in all, and the departments to choose from.
pub(super) async fn people(
    State(shared): State<Arc<Shared>>,
    Query(search): Query<Search>,
) -> Json<Value> {
    let world = shared.world();
    let wanted = search.q.trim().to_lowercase();
    let found: Vec<_> = world
        .organisation
        .people
        .iter()
        .filter(|person| {
            search
                .department
                .is_none_or(|id| is_below(&world, person, id))
        })
        .filter(|person| is_meant(&world, person, &wanted))
        .collect();
    let rows = found.iter().take(SHOWN).map(|person| {
        let mut row = view::person(&world, person);
        let conversations = world.conversations_of(&person.userid);
        let unread: usize = conversations
            .iter()
            .map(|id| view::unread(&world, id, &person.userid).0)
            .sum();
        row["unread"] = unread.into();
        row
    });
    let departments = world.organisation.departments.iter();
    let departments = departments.map(|department| {
        json!({ "id": department.id, "name": department.name, "parent_id": department.parent_id })
    });
    Json(json!({
        "people": rows.collect::<Vec<_>>(),
        "found": found.len(),
        "departments": departments.collect::<Vec<_>>(),
    }))
}

fn is_below(world: &World, person: &Person, department: i64) -> bool {
    let own = person.department_ids.iter();
    own.flat_map(|id| world.organisation.with_ancestors(*id))
        .any(|id| id == department)
}

fn is_meant(world: &World, person: &Person, wanted: &str) -> bool {
    let place = view::departments(world, person);
    let fields = [
        &person.name,
        &person.mobile,
        &person.title,
        &person.userid,
        &place,
    ];
    let spelt = [&person.userid, &person.org_email, &person.email];
    fields
        .iter()
        .any(|field| field.to_lowercase().contains(wanted))
        || spelt.iter().any(|text| {
            let letters = text.split('@').next().unwrap_or_default();
            is_abbreviated(&letters.to_lowercase(), wanted)
        })
}

/// Two to four letters that stand in the name in this order, from its first letter on.
fn is_abbreviated(name: &str, letters: &str) -> bool {
    if !(2..=4).contains(&letters.len()) || !letters.chars().all(|one| one.is_ascii_lowercase()) {
        return false;
    }
    let mut rest = name.chars();
    name.chars().next() == letters.chars().next()
        && letters.chars().all(|letter| rest.any(|one| one == letter))
}

#[cfg(test)]
mod tests {
    use super::is_abbreviated;

    #[test]
    fn initials_find_a_name_in_letters() {
        assert!(is_abbreviated("zhangwei", "zw") && is_abbreviated("ouyangzixuan", "oyzx"));
        assert!(!is_abbreviated("zhangwei", "wz") && !is_abbreviated("zhangwei", "z"));
    }
}
