//! Rows for mailing lists: posts, commands, and what bounces come back to.

use super::domains::Domains;
use super::escape::{address, regexp, replacement};
use super::rows::{Block, Place};
use super::tables::{Tables, discarding};
use crate::model::design::{Design, MailingList};
use crate::model::{Address, RelPath};

/// Commands that the list manager knows by the old names or by its own.
const LIST_COMMANDS: &str = "(subscribe(-digest|-nomail|-both)?|unsubscribe(-digest|-nomail)?|help|faq|owner|list\
|get-[0-9]+|(confsub|confunsub|bounces|release|reject|moderate|obstruct|permit)[^@\"]*)";

impl Tables {
    pub(super) fn add_list(
        &mut self,
        own: &Address,
        list: &MailingList,
        domains: &Domains<'_>,
        design: &Design,
    ) {
        let hop = [
            b"mlmmj:".as_slice(),
            list.folder.strip_prefix(&RelPath::new("var/spool/mlmmj")).unwrap_or_default(),
        ]
        .concat();
        // A list that has other targets beside it has a row of its own.
        if domains.routed.contains(own) {
            self.mailboxes.add(address(own), "list");
        } else {
            self.add_final(own, "list".into(), domains, design);
        }
        self.transport.add(address(own), &hop);
        let (block, name) = (Block::new(regexp(own.domain.as_ref())), regexp(own.local.as_ref()));
        let front = own.local.as_ref().len() + 1;
        let to = |rest: &str| {
            [replacement(own.local.as_ref()).as_slice(), rest.as_bytes(), b"@", own.domain.as_ref()]
                .concat()
        };
        let inner = [name.as_slice(), b"\\+[^@\"]*"].concat();
        self.transport_patterns.add(&block, Place::behind(front, 0), &inner, &hop);
        // Aliases are looked up again until nothing changes: what is handed over must stay, or a
        // catch-all or a list with a shorter name would take it.
        self.patterns.keep(&block, Place::exact(), &inner);
        let rows: [(&str, Vec<u8>); 5] = [
            ("-(digest-)?return-[^@]*", discarding().into_bytes()),
            ("-digest-(subscribe|unsubscribe)", to("+$1-digest")),
            ("-get\\.([0-9]+)", to("+get-$1")),
            (&format!("-{LIST_COMMANDS}"), to("+$1")),
            // What the list manager does not know it would drop without a word.
            ("-[^@]*", to("+help")),
        ];
        for (order, (rest, value)) in rows.into_iter().enumerate() {
            let local = [name.as_slice(), rest.as_bytes()].concat();
            self.patterns.add(&block, Place::behind(front, order), &local, value);
        }
        for alias in domains.of(&own.domain) {
            self.add_alias(&Address::new(&own.local, alias), address(own));
            let local = [b"(".as_slice(), &name, b"-[^@\"]*)"].concat();
            let block = Block::new(regexp(alias.as_ref()));
            self.patterns.add(
                &block,
                Place::behind(front, 0),
                &local,
                [b"$1@", own.domain.as_ref()].concat(),
            );
        }
    }
}
