use yuezhi_channels::codes;
use yuezhi_domain::{IdSource, PersonId};
use yuezhi_store::people::PersonState;

use super::*;

/// 2026-11-22T10:00:00Z, 18:00 in Shanghai.
const NOW: UnixMillis = UnixMillis(1_795_341_600_000);
const DAY: i64 = 24 * 3600 * 1000;

fn house() -> House {
    House {
        public_url: "https://p.example".into(),
        organisation: "澜川科技".into(),
        zone: TimeZoneName::default(),
    }
}

fn about(language: Language) -> About {
    About {
        notice_no: 7,
        notice_id: IdSource::seeded(1).next(NOW),
        title: "差旅费管理制度".into(),
        requirement: Requirement::Confirm,
        due_at: Some(UnixMillis(NOW.0 + 8 * DAY)),
        zone: TimeZoneName::default(),
        language,
        label: "2.1".into(),
        summary: "住宿标准上调；\n高铁二等座不再需要事前审批。".into(),
        effective_on: Some("2026-12-01".into()),
        owner: "财务部".into(),
        slug: "travel-expenses".into(),
        is_first_version: false,
    }
}

fn person(no: i64, name: &str) -> Person {
    Person {
        no,
        id: IdSource::seeded(no as u64).next::<PersonId>(NOW),
        staff_no: format!("S{no}"),
        dingtalk_user_id: Some(format!("user{no}")),
        name: name.into(),
        email: None,
        mobile: None,
        title: None,
        language: None,
        department_no: 1,
        department_path: "总部".into(),
        manager_staff_no: None,
        hired_on: None,
        state: PersonState::Active,
        left_at: None,
        created_at: NOW,
        updated_at: NOW,
        dingtalk_union_id: None,
        dingtalk_active: None,
        source: "import".to_owned(),
    }
}

fn shown(message: &Message) -> String {
    serde_json::to_string_pretty(message).unwrap()
}

#[test]
fn a_publication_says_what_changed_and_what_to_do() {
    for language in [Language::ZhCn, Language::En] {
        insta::assert_snapshot!(
            format!("publish_{language}"),
            shown(&publish(&house(), &about(language), language, true, NOW))
        );
    }
    let group = publish(&house(), &about(Language::ZhCn), Language::ZhCn, false, NOW);
    assert_eq!(group.footer, None);
}

#[test]
fn a_notice_for_information_asks_for_nothing() {
    let mut about = about(Language::ZhCn);
    about.requirement = Requirement::Inform;
    about.due_at = None;
    about.summary = String::new();
    about.is_first_version = true;
    insta::assert_snapshot!(
        "inform",
        shown(&publish(&house(), &about, Language::ZhCn, false, NOW))
    );
}

#[test]
fn a_digest_has_one_link_for_each_notice() {
    let (one, mut two) = (about(Language::ZhCn), about(Language::ZhCn));
    two.requirement = Requirement::Inform;
    two.title = "员工手册".into();
    for language in [Language::ZhCn, Language::En] {
        insta::assert_snapshot!(
            format!("digest_{language}"),
            shown(&digest(&house(), &[&one, &two], language, NOW))
        );
    }
}

#[test]
fn a_reminder_to_a_group_counts_and_points_at_people() {
    let people = [person(1, "张伟"), person(2, "李娜")];
    for language in [Language::ZhCn, Language::En] {
        let (message, mentions) = reminder_to_group(
            &house(),
            &about(language),
            Round { number: 1, at: NOW },
            57,
            &people,
        );
        insta::assert_snapshot!(format!("group_reminder_{language}"), shown(&message));
        assert_eq!(mentions.people.len(), 2);
    }
}

#[test]
fn a_reminder_to_a_person_says_when_it_is_overdue() {
    for (name, at) in [("before", NOW), ("overdue", UnixMillis(NOW.0 + 9 * DAY))] {
        for language in [Language::ZhCn, Language::En] {
            let message = reminder_to_person(
                &house(),
                &about(language),
                language,
                Round { number: 2, at },
                true,
            );
            insta::assert_snapshot!(
                format!("person_reminder_{name}_{language}"),
                shown(&message)
            );
        }
    }
}

#[test]
fn reminders_that_follow_each_other_have_different_words() {
    for at in [NOW, UnixMillis(NOW.0 + 9 * DAY)] {
        let leads: Vec<String> = (1..=4)
            .map(|number| {
                reminder_to_group(
                    &house(),
                    &about(Language::ZhCn),
                    Round { number, at },
                    5,
                    &[],
                )
                .0
                .lead
            })
            .collect();
        let mut distinct = leads.clone();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), leads.len());
    }
}

#[test]
fn no_place_of_a_text_stays_unfilled() {
    for language in [Language::ZhCn, Language::En] {
        for due_at in [
            None,
            Some(UnixMillis(NOW.0 + DAY)),
            Some(UnixMillis(NOW.0 - DAY)),
        ] {
            for requirement in Requirement::ALL {
                let about = About {
                    due_at,
                    requirement: *requirement,
                    ..about(language)
                };
                for number in 1..=4 {
                    let round = Round { number, at: NOW };
                    let all = [
                        publish(&house(), &about, language, true, NOW),
                        digest(&house(), &[&about], language, NOW),
                        reminder_to_group(&house(), &about, round, 3, &[]).0,
                        reminder_to_person(&house(), &about, language, round, true),
                    ];
                    for message in &all {
                        let text = serde_json::to_value(message).unwrap();
                        let words = [
                            text["title"].to_string(),
                            text["lead"].to_string(),
                            text["facts"].to_string(),
                            text["links"].to_string(),
                            text["footer"].to_string(),
                        ];
                        assert!(words[0].len() > 2 && words[1].len() > 2);
                        for word in &words {
                            assert!(!word.contains("messages."), "{word}");
                            assert!(
                                !word.contains("{n}")
                                    && !word.contains("{due}")
                                    && !word.contains("{title}"),
                                "{word}"
                            );
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn every_reason_says_what_happened_and_what_to_do_in_both_languages() {
    const OWN: [&str; 8] = [
        "notice_over",
        "settled",
        "lane_gone",
        "channel_broken",
        "no_address",
        "lease_lost",
        "schedule_gone",
        "person_gone",
    ];
    for language in [Language::ZhCn, Language::En] {
        let t = Texts::of(language);
        for code in codes::ALL.iter().chain(&OWN) {
            for key in [
                format!("messages.reason.{code}"),
                format!("messages.reason.{code}_fix"),
            ] {
                assert!(t.has(&key), "{language} lacks {key}");
            }
        }
    }
}
