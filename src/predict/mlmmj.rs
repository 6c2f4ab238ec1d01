//! Reads the spool of a list (TUNABLES of mlmmj).

use super::{Error, Files};
use crate::model::RelPath;
use crate::model::command_address::Answer;
use bstr::{BStr, BString, ByteSlice as _};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a list can have in `control/` (TUNABLES of 1.3 and 1.5).
const CONTROL: &[&str] = &[
    "access",
    "addtohdr",
    "bouncelife",
    "closedlist",
    "closedlistsub",
    "customheaders",
    "delheaders",
    "delimiter",
    "digestinterval",
    "digestmaxmail",
    "digestmaxmails",
    "footer",
    "ifmodsendonlymodmoderate",
    "listaddress",
    "maxmailsize",
    "maxverprecips",
    "memorymailsize",
    "moderated",
    "moderators",
    "modnonsubposts",
    "modonlypost",
    "modreqlife",
    "noaccessdenymails",
    "noarchive",
    "nodigestsub",
    "nodigesttext",
    "noget",
    "nolistsubsemail",
    "nomaxmailsizedenymails",
    "nomodonlydenymails",
    "nonomailsub",
    "nosubconfirm",
    "nosubmodmails",
    "nosubonlydenymails",
    "notifymod",
    "notifysub",
    "notmetoo",
    "notoccdenymails",
    "owner",
    "prefix",
    "relayhost",
    "smtphelo",
    "smtpport",
    "staticbounceaddr",
    "submod",
    "subonlyget",
    "subonlypost",
    "tocc",
    "verp",
];

/// What may stand behind `subscribe` and `unsubscribe`.
const WAYS: &[&[u8]] = &[b"", b"digest", b"nomail", b"both"];

/// Commands that stand in mlmmj's own messages, with a cookie behind them.
const ANSWERS: &[&[u8]] = &[
    b"bounces",
    b"confsub",
    b"confunsub",
    b"moderate",
    b"obstruct",
    b"permit",
    b"reject",
    b"release",
];

/// A list as mlmmj finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spool {
    /// `control/listaddress`, the first is the list's own.
    pub addresses: Vec<BString>,
    /// `subscribers.d`, in lower case.
    pub subscribers: BTreeSet<BString>,
    /// `digesters.d`, in lower case.
    pub digest: BTreeSet<BString>,
    /// `nomailsubs.d`, in lower case: members that get no mail.
    pub nomail: BTreeSet<BString>,
    /// Members in a file of another letter, where mlmmj does not look for them: file and address.
    pub misplaced: BTreeSet<(String, BString)>,
    /// The files of `control/` that are there, without blank lines.
    pub control: BTreeMap<&'static str, Vec<BString>>,
    /// `index`: the number of the last post.
    pub index: u64,
}

impl Spool {
    /// The lines of a file that count.
    pub fn lines(text: &[u8]) -> Vec<BString> {
        let lines = text.lines().map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
        lines.map(BString::from).collect()
    }

    fn has(&self, name: &str) -> bool {
        self.control.contains_key(name)
    }

    /// What a command from a stranger leads to (`listcontrol.c`): what mlmmj does not know, and what
    /// the list's settings forbid, it drops without a word. `None` where it fails.
    pub(super) fn answer(&self, command: &[u8]) -> Option<Answer> {
        let done = |is_allowed| if is_allowed { Answer::Done } else { Answer::Ignored };
        let (verb, rest) = command.split_once_str("-").unwrap_or((command, b""));
        Some(match verb {
            b"help" if rest.is_empty() => Answer::Help,
            b"faq" | b"owner" => done(rest.is_empty()),
            b"subscribe" => {
                done(WAYS.contains(&rest) && !self.has("closedlist") && !self.has("closedlistsub"))
            }
            b"unsubscribe" => done(WAYS.contains(&rest) && !self.has("closedlist")),
            b"get" if self.has("noget") || self.has("subonlyget") => Answer::Ignored,
            b"get" => match rest.to_str().unwrap_or_default().parse::<u64>() {
                // It ends with status 1 where it has no such post.
                Ok(number) => (number <= self.index).then_some(Answer::Done)?,
                Err(_) => Answer::Ignored,
            },
            _ => done(ANSWERS.contains(&verb) && !rest.is_empty()),
        })
    }

    /// What becomes of a request for somebody else, which `list-member` carries out. `None` where it
    /// fails.
    pub(super) fn asked_for_other(&self, request: &[u8]) -> Option<Answer> {
        let joins = request.starts_with(b"subscribe-");
        let is_closed = self.has("closedlist") || joins && self.has("closedlistsub");
        (!is_closed).then_some(Answer::Done)
    }
}

/// Reads the folders of lists, `DOMAIN/LIST`; one that has no address is left out.
pub(super) fn read_all(
    names: &BTreeSet<&BStr>,
    files: &dyn Files,
) -> Result<BTreeMap<BString, Spool>, Error> {
    let read_one = |name: &&BStr| {
        let folder = RelPath::new("var/spool/mlmmj").join(name);
        Some(((*name).to_owned(), read(&folder, files).transpose()?))
    };
    // The first error counts, whichever thread has its own first.
    let read: Vec<_> = names.par_iter().filter_map(read_one).collect();
    read.into_iter().map(|(name, spool)| Ok((name, spool?))).collect()
}

/// Reads a list's folder; `None` where it has no address.
fn read(folder: &RelPath, files: &dyn Files) -> Result<Option<Spool>, Error> {
    let lines = |path: &RelPath| -> Result<Option<Vec<BString>>, Error> {
        Ok(files.read(path)?.map(|text| Spool::lines(&text)))
    };
    let settings = folder.join("control");
    let Some(addresses) = lines(&settings.join("listaddress"))? else {
        return Ok(None);
    };
    let mut control = BTreeMap::new();
    for name in files.names(&settings)? {
        let Some(known) = CONTROL.iter().find(|known| name == **known) else { continue };
        control.extend(lines(&settings.join(known))?.map(|lines| (*known, lines)));
    }
    let mut misplaced = BTreeSet::new();
    // Members are in files named by the first byte of their address; mail goes to those in every
    // file.
    let mut members = |kind: &str| -> Result<BTreeSet<BString>, Error> {
        let mut found = BTreeSet::new();
        let folder = folder.join(kind);
        for name in files.names(&folder)? {
            let &[byte @ 33..127] = name.as_slice() else { continue };
            for line in lines(&folder.join([byte]))?.unwrap_or_default() {
                let member = BString::from(line.to_ascii_lowercase());
                if member.first() != Some(&byte) {
                    misplaced.insert((format!("{kind}/{}", char::from(byte)), member.clone()));
                }
                found.insert(member);
            }
        }
        Ok(found)
    };
    let (subscribers, digest, nomail) =
        (members("subscribers.d")?, members("digesters.d")?, members("nomailsubs.d")?);
    let index = lines(&folder.join("index"))?;
    let index = index.and_then(|lines| lines.first()?.to_str().ok()?.parse().ok());
    let index = index.unwrap_or_default();
    Ok(Some(Spool { addresses, subscribers, digest, nomail, misplaced, control, index }))
}

#[cfg(test)]
mod tests {
    use super::{Answer, Error, Files, RelPath, Spool, read};
    use bstr::BString;
    use std::sync::Arc;

    #[test]
    fn what_the_settings_forbid_is_dropped_without_a_word() {
        let spool = |names: &[&'static str]| Spool {
            control: names.iter().map(|name| (*name, Vec::new())).collect(),
            index: 12,
            ..Spool::default()
        };
        let (done, dropped) = (Some(Answer::Done), Some(Answer::Ignored));
        let open = spool(&[]);
        for command in ["subscribe", "unsubscribe-digest", "get-12", "confsub-1a", "owner"] {
            assert_eq!(open.answer(command.as_bytes()), done, "{command}");
        }
        for command in ["subscribe-zork", "zork", "list", "confsub", "digest-subscribe"] {
            assert_eq!(open.answer(command.as_bytes()), dropped, "{command}");
        }
        assert_eq!(open.answer(b"help"), Some(Answer::Help));
        assert_eq!((open.answer(b"get-13"), open.answer(b"get-x")), (None, dropped));
        for (setting, command) in [
            ("closedlist", "subscribe"),
            ("closedlist", "unsubscribe"),
            ("closedlistsub", "subscribe-digest"),
            ("noget", "get-1"),
            ("subonlyget", "get-1"),
        ] {
            assert_eq!(spool(&[setting]).answer(command.as_bytes()), dropped, "{setting}");
        }
        assert_eq!(spool(&["closedlistsub"]).answer(b"unsubscribe"), done);
        assert_eq!(spool(&["closedlist"]).asked_for_other(b"unsubscribe-a=b"), None);
        assert_eq!(spool(&["closedlistsub"]).asked_for_other(b"unsubscribe-a=b"), done);
    }

    /// Files by their paths.
    struct Written(&'static [(&'static str, &'static str)]);

    impl Files for Written {
        fn read(&self, path: &RelPath) -> Result<Option<Arc<Vec<u8>>>, Error> {
            let own = self.0.iter().find(|(name, _)| RelPath::new(name) == *path);
            Ok(own.map(|(_, text)| Arc::new(text.as_bytes().to_vec())))
        }

        fn names(&self, folder: &RelPath) -> Result<Vec<BString>, Error> {
            let paths = self.0.iter().map(|(name, _)| RelPath::new(name));
            let own = paths.filter(|path| path.parent() == *folder);
            Ok(own.map(|path| path.file_name().to_owned()).collect())
        }
    }

    #[test]
    fn a_member_in_the_file_of_another_letter_is_misplaced() {
        let files = Written(&[
            ("l/control/listaddress", "l@b.example\n"),
            ("l/control/noget", ""),
            ("l/control/zork", "nobody asks for it\n"),
            ("l/index", "12\n"),
            ("l/subscribers.d/a", "Ann@b.example\nbob@b.example\n"),
            ("l/subscribers.d/C", "cy@b.example\n"),
            ("l/subscribers.d/aa", "nobody@b.example\n"),
            ("l/nomailsubs.d/d", "dan@b.example\n"),
        ]);
        let spool = read(&RelPath::new("l"), &files).unwrap().unwrap();
        assert_eq!(spool.subscribers.len(), 3);
        let seen: Vec<_> = spool.misplaced.iter().map(|(f, m)| format!("{f} {m}")).collect();
        assert_eq!(seen, ["subscribers.d/C cy@b.example", "subscribers.d/a bob@b.example"]);
        assert_eq!((spool.nomail.len(), spool.index), (1, 12));
        assert_eq!(spool.control.keys().copied().collect::<Vec<_>>(), ["listaddress", "noget"]);
    }
}
