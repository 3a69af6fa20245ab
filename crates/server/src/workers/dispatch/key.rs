//! The keys under which messages leave the system.
//!
//! Invariant: a key depends on what the message is, not on when or by which node it is sent: the same for every
//! attempt, also after a crash. Platforms that know keys (DingTalk's `msgUuid`) show one message for each; a mail's
//! Message-ID is made of it. The instance keeps two installations apart that share a robot.

use sha2::{Digest as _, Sha256};

/// The message to one target: a delivery's unique key in the outbox.
pub(super) fn of_delivery(
    instance: &str,
    lane: &str,
    notice_no: i64,
    occurrence_no: i64,
    person_no: i64,
) -> String {
    derived(
        &[instance, "delivery", lane],
        &[notice_no, occurrence_no, person_no],
    )
}

/// The message that carries several deliveries. Another than that of its first delivery, which may have to go out
/// alone one day.
pub(super) fn of_digest(instance: &str, lane: &str, leader_no: i64) -> String {
    derived(&[instance, "digest", lane], &[leader_no])
}

/// One call for many people: the key is that of exactly this set, whatever becomes of the rest of the batch.
pub(super) fn of_set(instance: &str, lane: &str, delivery_nos: &[i64]) -> String {
    let mut sorted = delivery_nos.to_vec();
    sorted.sort_unstable();
    derived(&[instance, "set", lane], &sorted)
}

/// A UUID of version 8 (RFC 9562): 122 bits of SHA-256.
fn derived(words: &[&str], numbers: &[i64]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    for number in numbers {
        hash.update(number.to_be_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(digest.get(..16).expect("SHA-256 gives 32 bytes"));
    uuid::Builder::from_custom_bytes(bytes)
        .into_uuid()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_a_key_of_its_own_whatever_the_order() {
        let key = |nos: &[i64]| of_set("i", "todo", nos);
        assert_eq!(key(&[1, 2, 3]), key(&[3, 1, 2]));
        assert_ne!(key(&[1, 2, 3]), key(&[1, 2]));
        assert_ne!(key(&[1]), of_digest("i", "todo", 1));
    }

    #[test]
    fn a_key_is_the_same_for_every_attempt_and_another_for_every_target() {
        let key = |lane, person| of_delivery("i", lane, 1, 0, person);
        assert_eq!(key("mail", 5), key("mail", 5));
        assert_ne!(key("mail", 5), key("mail", 6));
        assert_ne!(key("mail", 5), key("robot:hr", 5));
        assert_ne!(
            of_delivery("i", "mail", 1, 0, 5),
            of_delivery("j", "mail", 1, 0, 5)
        );
        assert_eq!(
            uuid::Uuid::parse_str(&key("mail", 5))
                .unwrap()
                .get_version_num(),
            8
        );
    }
}
