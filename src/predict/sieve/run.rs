//! What the commands of a script do with a message.

use super::message::Message;
use super::{Command, Fate};
use crate::model::Address;

pub(super) fn fate(commands: &[Command], message: &Message) -> Fate {
    let mut run = Run { message, fate: Fate::default(), keeps: true };
    run.all(commands);
    if run.keeps {
        run.fate.folders.insert("INBOX".into());
    }
    run.fate
}

struct Run<'m> {
    message: &'m Message,
    fate: Fate,
    /// Nothing has cancelled the implicit keep.
    keeps: bool,
}

impl Run<'_> {
    /// Runs commands; `false` where the script has stopped.
    fn all(&mut self, commands: &[Command]) -> bool {
        let mut decided = true;
        for command in commands {
            match command.name.as_str() {
                "if" | "elsif" | "else" => {
                    if command.name == "if" {
                        decided = false;
                    }
                    let holds = command.tests.first().is_none_or(|test| self.message.holds(test));
                    if !decided && holds {
                        decided = true;
                        if !self.all(&command.block) {
                            return false;
                        }
                    }
                }
                "stop" => return false,
                "keep" => drop(self.fate.folders.insert("INBOX".into())),
                "discard" => self.keeps = false,
                "fileinto" => {
                    self.keeps &= command.has(":copy");
                    self.fate.folders.extend(command.strings().next().cloned());
                }
                "redirect" => {
                    self.keeps &= command.has(":copy");
                    let to = command.strings().next().and_then(|to| Address::parse(to));
                    self.fate.redirects.extend(to);
                }
                "reject" | "ereject" => {
                    self.keeps = false;
                    self.fate.refusal = command.strings().next().cloned();
                }
                "vacation" => {
                    let own = command.after(":addresses");
                    let lower = own.iter().map(|to| to.to_ascii_lowercase().into());
                    self.fate.answers.get_or_insert_default().extend(lower);
                }
                _ => {}
            }
        }
        true
    }
}
