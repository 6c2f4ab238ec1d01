//! What the commands of a script do with a message.

use super::message::Message;
use super::{Command, Fate};
use crate::model::Address;
use bstr::{BString, ByteSlice as _};

pub(super) fn fate(commands: &[Command], message: &Message) -> Fate {
    let mut run = Run { message, fate: Fate::default(), keeps: true, has_dollar: false };
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
    /// `${dollar}` stands for a dollar (RFC 5229).
    has_dollar: bool,
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
                "set" => {
                    let names_dollar =
                        |list: &Vec<BString>| list.iter().any(|name| name == "dollar");
                    self.has_dollar |= command.lists().any(names_dollar);
                }
                "stop" => return false,
                "keep" => drop(self.fate.folders.insert("INBOX".into())),
                "discard" => self.keeps = false,
                "fileinto" => {
                    self.keeps &= command.has(":copy");
                    self.fate.folders.extend(self.string(command));
                }
                "redirect" => {
                    self.keeps &= command.has(":copy");
                    let to = self.string(command).and_then(|to| Address::parse(&to));
                    self.fate.redirects.extend(to);
                }
                "reject" | "ereject" => {
                    self.keeps = false;
                    self.fate.refusal = self.string(command);
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

    /// The string of a command that takes one.
    fn string(&self, command: &Command) -> Option<BString> {
        let text = command.strings().next()?;
        Some(if self.has_dollar { text.replace("${dollar}", "$").into() } else { text.clone() })
    }
}
