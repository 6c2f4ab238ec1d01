//! Whose POP3 clients shall find their mail under the names they know.

use super::Translator;
use crate::finding::{Disposition, code};
use crate::model::memory::Pop3;

impl Translator<'_> {
    /// What the sysadmin says, else the server that some file starts, else the one that left its
    /// lists. A list alone may be from earlier years, so a server that is started outweighs it.
    pub(super) fn translate_pop3(&mut self) {
        let (script, list) = (&self.site.starts_qmail_pop3d, &self.site.size_list);
        self.design.pop3 = match (self.policy.old.pop3, script, list) {
            (Some(said), ..) => said,
            (None, Some(_), _) | (None, None, None) => Pop3::Qmail,
            (None, None, Some(_)) => Pop3::Courier,
        };
        if let (None, Some(script), Some(list)) = (self.policy.old.pop3, script, list) {
            self.find(
                &code::SITE_POP3_UNSURE,
                Disposition::Adapted,
                script,
                "pop3",
                format!("qmail-pop3d is started here, but Courier left lists such as {list}"),
                "mail keeps the names that qmail-pop3d gave it; if Courier served POP3, clients download it again",
            );
        }
    }
}
