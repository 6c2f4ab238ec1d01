//! vpopmail that keeps accounts, aliases and limits in a database: what a dump of it tells.

use crate::support::{Laid, SMALL, read};

const D: &str = "/home/vpopmail/domains/a.example";
const HASH: &str = "$1$larch001$zAMYfZwqsSw9y8cWx232D.";

/// A site without vpasswd, and a dump of its database beside it.
fn with_dump(more: &str, dump: &str) -> Laid {
    laid(&format!("{}{more}", without_vpasswd()), dump)
}

fn without_vpasswd() -> String {
    let from = SMALL.find("file home/vpopmail/domains/a.example/vpasswd").unwrap();
    let to = SMALL.find("dir home/vpopmail/domains/a.example/joe/Maildir/new").unwrap();
    format!(
        "{}{}file home/vpopmail/etc/vpopmail.mysql\n| localhost|0|vpopmail|secret|vpopmail\n",
        &SMALL[..from],
        &SMALL[to..]
    )
}

fn laid(manifest: &str, dump: &str) -> Laid {
    let laid = Laid::new(manifest, "");
    let path = laid.folder.path().join("vpopmail.sql");
    std::fs::write(&path, dump).unwrap();
    std::fs::write(&laid.config, format!("[old]\ndump = '{}'\n", path.display())).unwrap();
    laid
}

/// What `mysqldump` writes of vpopmail's tables.
fn mysql() -> String {
    format!(
        "-- MySQL dump\nCREATE TABLE `vpopmail` (\n  `pw_name` char(32) NOT NULL,\n  `pw_domain` char(96) NOT NULL,\n\
           `pw_passwd` char(40) DEFAULT NULL,\n  `pw_uid` int(11) DEFAULT NULL,\n  `pw_gid` int(11) DEFAULT NULL,\n\
           `pw_gecos` char(48) DEFAULT NULL,\n  `pw_dir` char(160) DEFAULT NULL,\n  `pw_shell` char(20) DEFAULT NULL,\n\
           `pw_clear_passwd` char(16) DEFAULT NULL,\n  PRIMARY KEY (`pw_name`,`pw_domain`)\n);\n\
         INSERT INTO `vpopmail` VALUES ('joe','a.example','{HASH}',0,2,'Joe','{D}/joe','10485760S','open-sesame'),\n\
         ('eve','a.example','{HASH}',0,0,NULL,'{D}/eve','NOQUOTA',NULL);\n\
         CREATE TABLE `valias` (`alias` char(32), `domain` char(96), `valias_line` text);\n\
         INSERT INTO `valias` VALUES ('team','a.example','&joe@a.example'),('team','a.example','&far@remote.example'),\n\
         ('eve','a.example','&joe@a.example'),('gone','a.example','# delete'),('list-default','a.example','&list@remote.example'),\n\
         ('own','a.example','&joe@a.example'),('news-x','a.example','&joe@a.example'),('news-default','a.example','&joe@a.example');\n\
         CREATE TABLE `limits` (`domain` char(96) NOT NULL, `maxpopaccounts` int(10) NOT NULL DEFAULT -1, `disable_imap` tinyint(1), `disable_smtp` tinyint(1), PRIMARY KEY (`domain`));\n\
         INSERT INTO `limits` VALUES ('a.example',-1,1,0);\n\
         INSERT INTO `lastauth` VALUES ('joe','a.example','192.0.2.1',1258963200);\n\
         INSERT INTO `dir_control` VALUES ('dom_89',0,0,3,0,0,0,61,61,61,0,2,4,0,0,0,'');\n"
    )
}

#[test]
fn accounts_aliases_and_limits_of_a_dump_are_those_of_the_domain() {
    let files = "file home/vpopmail/domains/a.example/.qmail-own\n| &eve@a.example\n\
        file home/vpopmail/domains/a.example/.qmail-news-default\n| &eve@a.example\n\
        message home/vpopmail/domains/a.example/joe/Maildir/cur/1.a:2,S Hello\n";
    let laid = with_dump(files, &mysql());
    let plan = laid.plan(&["--format", "json"]);
    assert_eq!(plan.code, 0, "{}", plan.all());
    let plan = plan.json();
    assert_eq!(plan["totals"]["accounts"], 2);
    let told = |code: &str| {
        let findings = plan["findings"].as_array().unwrap().iter();
        findings
            .filter(|it| it["code"] == code)
            .map(|it| it["line"].as_u64().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(told("password-clear-dropped"), [14]);
    assert_eq!(told("alias-unreachable"), [19, 19, 19], "files come before rows");
    assert!(told("site-database-unread").is_empty() && told("domain-backend-unread").is_empty());
    let goes = |address: &str| {
        let ran = laid.explain(&[address, "--format", "json"]).json();
        assert_eq!(ran["verdict"], "same", "{ran}");
        ran["new"].to_string()
    };
    let team = goes("team@a.example");
    assert!(team.contains("joe@a.example") && team.contains("far@remote.example"), "{team}");
    assert!(goes("eve@a.example").contains("joe@a.example"), "a row comes before the mailbox");
    assert!(goes("gone@a.example").contains("discard"));
    assert!(goes("list-any@a.example").contains("list@remote.example"));
    assert!(goes("own@a.example").contains("joe@a.example"), "the file, and then the row of eve");
    assert!(
        goes("news-x@a.example").contains("joe@a.example"),
        "the group's file, and then the row"
    );
    let laid = laid.migrated();
    let users = read(&laid.target.join("etc/dovecot/unqmail/users"));
    assert!(users.contains(&format!("joe@a.example:{{MD5-CRYPT}}{HASH}")), "{users}");
    assert!(!users.contains("sesame"));
    let denied = |what: &str| read(&laid.target.join(format!("etc/dovecot/unqmail/deny-{what}")));
    assert!(denied("imap").contains("eve@a.example") && denied("pop3").contains("joe@a.example"));
    assert!(!denied("smtp").contains("a.example"));
    assert!(laid.target.join("var/vmail/a.example/joe/Maildir/cur/1.a:2,S").exists());
}

#[test]
fn a_table_for_each_domain_and_one_of_users_are_read() {
    let dump = format!(
        "COPY public.a_example (pw_name, pw_passwd, pw_uid, pw_gid, pw_gecos, pw_dir, pw_shell) FROM stdin;\n\
         joe\t{HASH}\t0\t0\t\\N\t{D}/joe\tNOQUOTA\n\\.\n\
         COPY public.users FROM stdin;\n\
         solo\t{HASH}\t0\t0\tSolo\t/home/vpopmail/users/solo\tNOQUOTA\n\\.\n"
    );
    let laid = with_dump("", &dump).migrated();
    let users = read(&laid.target.join("etc/dovecot/unqmail/users"));
    assert!(users.contains(&format!("joe@a.example:{{MD5-CRYPT}}{HASH}")), "{users}");
    assert!(users.contains(&format!("solo@mx.example:{{MD5-CRYPT}}{HASH}")), "{users}");
}

#[test]
fn a_dump_that_is_not_there_is_an_error_and_a_vpasswd_beside_one_is_old() {
    let laid = with_dump("", "");
    std::fs::write(&laid.config, "[old]\ndump = '/nowhere/x.sql'\n").unwrap();
    let plan = laid.plan(&["--format", "json"]);
    assert!(plan.code == 3 && plan.stdout.contains("file-unreadable"), "{}", plan.all());
    let old = format!("file {}/vpasswd\n| kim:{HASH}:1:0:Kim:{D}/kim:NOQUOTA\n", &D[1..]);
    let plan = with_dump(&old, &mysql()).plan(&["--format", "json"]);
    assert!(plan.stdout.contains("account-stale") && plan.stdout.contains("kim@a.example"));
}

#[test]
fn a_dump_that_is_cut_or_no_sql_is_told() {
    let whole = mysql();
    let cut = &whole[..whole.find(",'NOQUOTA',NULL").unwrap()];
    for (dump, code) in
        [(cut, "file-damaged"), ("PGDMP\u{1}\u{e}", "file-unreadable"), ("", "file-unreadable")]
    {
        let plan = with_dump("", dump).plan(&["--format", "json"]);
        assert!(plan.code == 3 && plan.stdout.contains(code), "{}", plan.all());
    }
    let plan = with_dump("", "CREATE TABLE valias (alias text);\n").plan(&["--format", "json"]);
    for code in ["site-database-unread", "domain-backend-unread"] {
        assert!(plan.stdout.contains(code), "{}", plan.all());
    }
}

#[test]
fn rows_of_domains_that_users_cdb_does_not_name_are_told() {
    let row = "('old','former.example','x',0,0,'','/home/vpopmail/domains/former.example/old','NOQUOTA',NULL)";
    let dump = format!(
        "{}INSERT INTO `vpopmail` VALUES {row},('','a.example','x',0,0,'','','',NULL);\n\
         INSERT INTO valias VALUES ('x','other.example','&joe@a.example');\n\
         CREATE TABLE shop.users (id int, login text);\nINSERT INTO shop.users VALUES (1,'admin');\n",
        mysql()
    );
    let plan = with_dump("", &dump).plan(&["--format", "json"]);
    assert_eq!(plan.code, 3, "{}", plan.all());
    let told = |code: &str, subject: &str| {
        let plan = plan.json();
        let mut findings = plan["findings"].as_array().unwrap().iter();
        findings.any(|it| it["code"] == code && it["subject"].as_str().unwrap().contains(subject))
    };
    assert!(told("domain-unassigned", "@former.example"), "{}", plan.all());
    assert!(told("domain-unassigned", "@other.example"), "{}", plan.all());
    assert!(told("account-line-malformed", "vpopmail.sql"), "{}", plan.all());
    let nameless = plan.stdout.matches("the row has no name").count();
    assert_eq!(nameless, 1, "a table of users that is another program's: {}", plan.all());
}

/// Where a database has the accounts, a folder under two names is two domains.
#[test]
fn domains_of_one_folder_have_the_accounts_that_the_database_has_for_them() {
    let record = "| +a.example-:a.example:89:89:/home/vpopmail/domains/a.example:-::\n";
    let dump = format!(
        "{}INSERT INTO `vpopmail` VALUES ('kim','b.example','{HASH}',0,0,'','{D}/kim','NOQUOTA',NULL);\n",
        mysql()
    );
    let more = record.replace("a.example-:a.", "b.example-:b.");
    let manifest = without_vpasswd()
        .replace("| a.example:a", "| b.example:b.example\n| a.example:a")
        .replace(record, &format!("{record}{more}"));
    let plan = laid(&manifest, &dump).plan(&["--format", "json"]);
    let totals = &plan.json()["totals"];
    assert_eq!((&totals["domains"], &totals["accounts"]), (&2.into(), &3.into()), "{totals}");
}

#[test]
fn no_text_of_a_dump_becomes_a_row_a_path_or_a_command() {
    let dump = format!(
        "{}INSERT INTO vpopmail VALUES \
         ('x\\nroot@a.example:{{PLAIN}}','a.example','y\\n{{PLAIN}}z:',0,0,'','{D}/x\\n/etc','NOQUOTA\\n',NULL),\
         ('../../up','a.example','{HASH}',0,0,'','','',NULL),('tab\\tbed','a.example','{HASH}',0,0,'','/../../etc','',NULL);\n\
         INSERT INTO valias VALUES ('in\\n@a.example evil@far.example','a.example','joe@a.example'),\
         ('lines','a.example','joe@a.example\\nroot evil@far.example'),('prog','a.example','|true\\nevil'),\
         ('','a.example','joe@a.example'),('a b','a.example','joe@a.example'),('nul','a.example','joe\\0@a.example'),\
         ('dots','a.example','/../../etc/x/'),('default','a.example','evil@far.example'),('sl/ash','a.example','joe@a.example');\n",
        mysql()
    );
    let laid = with_dump("", &dump);
    let plan = laid.plan(&["--format", "json"]);
    assert!([0, 3].contains(&plan.code), "{}", plan.all());
    let waived = "[[waive]]\ncode = '*'\nsubject = '*'\nreason = 'asked for by the test'\n";
    std::fs::write(&laid.config, read(&laid.config) + waived).unwrap();
    for address in ["nobody@a.example", "default@a.example", "sl/ash@a.example"] {
        let ran = laid.explain(&[address, "--format", "json"]).json();
        assert_eq!(ran["verdict"], "same", "{ran}");
    }
    let laid = laid.migrated();
    for file in
        ["etc/dovecot/unqmail/users", "etc/postfix/unqmail/aliases", "etc/postfix/master.cf"]
    {
        let text = read(&laid.target.join(file));
        let odd = |line: &&str| line.starts_with("root@a.example") || line.contains("{PLAIN}");
        let found: Vec<&str> = text.lines().filter(odd).collect();
        assert!(found.is_empty() && !text.contains("evil"), "{file}: {text}");
    }
}
