//! Receipts: what was observed of a person or done by a person, and by which way it reached us.
//!
//! Written by the employee pages, the chat and mail handlers and the collector of read flags; never changed afterwards.
//! Invariant: an observation (`is_act` false) can never stand for a confirmation.

use crate::words::words;

words! {
    /// What was seen or done.
    "receipt kind" ReceiptKind {
        /// The person opened the text on our page.
        Opened = "opened",
        /// A channel says that the message (not the text) was read.
        ReadReported = "read_reported",
        /// The person confirmed: 「我已阅读并理解」.
        Acknowledged = "acknowledged",
        /// The person refused to confirm.
        Declined = "declined",
        /// A confirmation of an earlier version, carried over a minor change.
        Carried = "carried",
        /// An administrator released the person.
        Exempted = "exempted",
    }
}

words! {
    /// The way on which a receipt reached us; it says how well the person was identified.
    "receipt source" ReceiptSource {
        /// Our page, opened by the personal link of a chat message.
        Page = "page",
        /// Our page, opened by the personal link of a mail.
        MailLink = "mail_link",
        /// Our page, after a login through DingTalk.
        Login = "login",
        /// A button on a card in the chat.
        ChatCard = "chat_card",
        /// A reply to the robot, for example 「确认」.
        ChatReply = "chat_reply",
        /// A read flag of a channel.
        Channel = "channel",
        /// An administrator in the console.
        Console = "console",
        /// A program with an API token.
        Api = "api",
        /// A rule of the product, for example a carried confirmation.
        System = "system",
    }
}

impl ReceiptKind {
    /// A decision of a person, as opposed to something observed.
    pub const fn is_act(self) -> bool {
        matches!(self, Self::Acknowledged | Self::Declined | Self::Exempted)
    }
}
