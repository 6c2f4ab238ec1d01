//! What a manager cannot do as the old list did, told about that list.

use crate::finding::{Disposition, Finding, Findings, code};
use crate::model::list::{List, Text};
use crate::model::{Address, Origin, Sourced};
use bstr::{BString, ByteSlice as _};

/// Tells about one list.
pub(super) struct Told<'a> {
    /// The manager's name in messages.
    pub(super) manager: &'static str,
    pub(super) list: &'a List,
    pub(super) findings: &'a mut Findings,
}

impl Told<'_> {
    /// The list is not carried over.
    pub(super) fn unusable(&mut self, message: impl Into<std::borrow::Cow<'static, str>>) {
        self.findings.push(Finding::new(
            &code::LIST_NAME_UNUSABLE,
            Disposition::Manual,
            self.list.posting.origin.clone(),
            self.list.address.to_bytes(),
            message,
            "the list is not carried over",
        ));
    }

    /// More people may post than before.
    pub(super) fn opened(&mut self, at: &Origin, message: String, effect: &'static str) {
        self.findings.push(Finding::new(
            &code::LIST_OPENED,
            Disposition::Adapted,
            at.clone(),
            self.list.address.to_bytes(),
            message,
            effect,
        ));
    }

    /// A setting acts in another way.
    pub(super) fn adapted(&mut self, at: &Origin, message: &'static str, effect: &'static str) {
        self.setting(Disposition::Adapted, at, message.into(), effect);
    }

    /// A setting does not act.
    pub(super) fn dropped(&mut self, at: &Origin, message: String, effect: &'static str) {
        self.setting(Disposition::Dropped, at, message, effect);
    }

    /// Answers cannot go where they went.
    pub(super) fn odd_reply_to(&mut self, line: &Sourced<BString>) {
        self.dropped(
            &line.origin,
            "a Reply-To: header is added that is no plain address".into(),
            "on the new list answers go to the sender",
        );
    }

    /// A text of the list's own is not sent.
    pub(super) fn unsent(&mut self, text: &Text, effect: &'static str) {
        let message = format!("{} is a text of the list's own", text.origin.file.file_name());
        self.dropped(&text.origin, message, effect);
    }

    /// The manager makes `List-ID:` of the list's address, and the old list had another.
    pub(super) fn made_list_id(&mut self) {
        let list = self.list;
        let id = format!("{}.{}", list.address.local, list.address.domain);
        let is_other = |own: &&Sourced<BString>| {
            !own.value.contains_str(format!("<{id}>")) && own.value != id.as_str()
        };
        if let Some(own) = list.list_id.as_ref().filter(is_other) {
            self.adapted(
                &own.origin,
                "each post has a List-ID: header of the list's own",
                "on the new list it is made of the list's address; who sorts mail by it has to know",
            );
        }
    }

    /// A setting does not act, or in another way.
    pub(super) fn setting(
        &mut self,
        disposition: Disposition,
        at: &Origin,
        message: String,
        effect: &'static str,
    ) {
        self.findings.push(Finding::new(
            &code::LIST_SETTING_UNMAPPED,
            disposition,
            at.clone(),
            self.list.address.to_bytes(),
            message,
            effect,
        ));
    }

    /// A member stays behind.
    pub(super) fn left_out(&mut self, at: &Origin, member: &Address) {
        self.findings.push(Finding::new(
            &code::LIST_MEMBER_MALFORMED,
            Disposition::Dropped,
            at.clone(),
            member.to_bytes(),
            format!("{member} is no address that {} takes", self.manager),
            "the record is left out of the new list",
        ));
    }
}
