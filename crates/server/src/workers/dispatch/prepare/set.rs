//! From claimed sets to bulk messages: the same words for everybody in them.
//!
//! Invariant: who has gone, or has lost the address, is settled here and takes nobody else along.

use std::collections::HashMap;

use yuezhi_channels::{Bulk, Channel, Outcome};

use super::{Arc, Delivery, DeliveryKind, Desk, Message, messages};
use crate::{
    actions::ActionError,
    texts::Language,
    workers::dispatch::{
        record::{Done, End, Member},
        sets::SetClaim,
    },
};

/// One call, ready to go.
#[derive(Debug)]
pub(in crate::workers::dispatch) struct SetLetter {
    /// In the order of the recipients.
    pub members: Vec<Member>,
    /// Its time is set when it goes.
    pub bulk: Bulk,
}

/// Calls, and what turned out not to be sendable.
#[derive(Debug, Default)]
pub(in crate::workers::dispatch) struct PreparedSets {
    pub letters: Vec<SetLetter>,
    pub settled: Vec<Done>,
}

impl Desk {
    /// Reads what is missing and writes the letters of a claim.
    pub(in crate::workers::dispatch) async fn prepare_sets(
        &mut self,
        claimed: SetClaim,
        channel: &dyn Channel,
    ) -> Result<PreparedSets, ActionError> {
        self.forget_if_much();
        let missing = self.missing(&claimed.claim);
        let people = if missing.is_empty() {
            HashMap::new()
        } else {
            self.learn(missing).await?
        };
        let now = self.app.now();
        let mut prepared = PreparedSets::default();
        let sets = claimed.claim.parcels.into_iter().zip(claimed.envelopes);
        for (set, envelope) in sets {
            let mut alone = |member, end| {
                prepared.settled.push(Done {
                    members: vec![member],
                    end,
                });
            };
            let members = &set.parcel.members;
            let Some(first) = members.first() else {
                continue;
            };
            let message = match self.for_set(first, envelope.language) {
                Ok(message) => message,
                Err(end) => {
                    prepared.settled.push(Done {
                        members: members.iter().map(Member::of).collect(),
                        end,
                    });
                    continue;
                }
            };
            let mut letter = SetLetter {
                members: Vec::with_capacity(members.len()),
                bulk: Bulk {
                    key: envelope.key,
                    message,
                    recipients: Vec::with_capacity(members.len()),
                    now,
                },
            };
            for delivery in members {
                let member = Member::of(delivery);
                let Some(person) = people.get(&delivery.person_no).filter(|p| p.is_active()) else {
                    alone(member, End::Cancelled("person_gone"));
                    continue;
                };
                let recipient = messages::recipient(person);
                match channel.reaches(&recipient) {
                    Ok(()) => {
                        letter.members.push(member);
                        letter.bulk.recipients.push(recipient);
                    }
                    Err(why) => alone(
                        member,
                        End::Attempted {
                            outcome: Outcome::Reject { why },
                            at: now,
                        },
                    ),
                }
            }
            if !letter.members.is_empty() {
                prepared.letters.push(letter);
            }
        }
        Ok(prepared)
    }

    /// Everybody gets the same link, so it is nobody's own.
    fn for_set(&mut self, delivery: &Delivery, language: Language) -> Result<Arc<Message>, End> {
        let about = self.about(delivery.notice_no)?;
        if delivery.kind != DeliveryKind::Reminder {
            let now = self.app.now();
            return Ok(self.shared(delivery, language, |house| {
                messages::publish(house, &about, language, false, now)
            }));
        }
        let reminder = self.reminder(delivery)?;
        Ok(self.shared(delivery, language, |house| {
            messages::reminder_to_person(house, &about, language, reminder.round, false)
        }))
    }
}
