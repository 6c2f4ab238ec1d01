//! `migrate --link`: messages share their bytes where nothing on the old server changes by that.

use crate::support::{Laid, SMALL, snapshot};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::PathBuf;

const MESSAGE: &str = "cur/1257000000.M1P1.mx:2,S";

/// A site with one message, whose owner is the new server's.
fn laid() -> Laid {
    let laid = Laid::new(SMALL, "[new]\nmail_ids = [89, 89]\n");
    let old = old(&laid);
    fs::create_dir_all(old.parent().unwrap()).unwrap();
    fs::write(&old, "Subject: one\n\nbody\n").unwrap();
    set(&laid, 89, 0o600);
    laid
}

fn old(laid: &Laid) -> PathBuf {
    laid.site.join("home/vpopmail/domains/a.example/joe/Maildir").join(MESSAGE)
}

fn new(laid: &Laid) -> PathBuf {
    laid.target.join("var/vmail/a.example/joe/Maildir").join(MESSAGE)
}

fn set(laid: &Laid, owner: u32, mode: u32) {
    chown(old(laid), Some(owner), Some(owner)).unwrap();
    fs::set_permissions(old(laid), fs::Permissions::from_mode(mode)).unwrap();
}

fn inode(path: &PathBuf) -> u64 {
    fs::metadata(path).unwrap().ino()
}

#[test]
fn a_message_that_fits_gets_a_second_name() {
    let laid = laid();
    let before = snapshot(&laid.site);
    let ran = laid.migrate(&["--link"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stdout.contains("share their bytes with the old server's: 1 message."),
        "{}",
        ran.all()
    );
    assert_eq!(inode(&old(&laid)), inode(&new(&laid)));
    assert_eq!(snapshot(&laid.site), before);
    assert_eq!(laid.verify(&[]).code, 0);
    assert_eq!(laid.verify(&["--recorded"]).code, 0);
    // What is deleted on the old server has its other name still.
    let ran = laid.migrate(&["--link"]);
    assert!(ran.stdout.contains("Nothing to do"), "{}", ran.all());
    fs::remove_file(old(&laid)).unwrap();
    assert_eq!(laid.migrate(&["--link"]).code, 0);
    assert_eq!(fs::read_to_string(new(&laid)).unwrap(), "Subject: one\n\nbody\n");
}

#[test]
fn what_would_change_on_the_old_server_is_refused_before_anything_is_written() {
    for (owner, mode) in [(88, 0o600), (89, 0o644), (89, 0o4600)] {
        let laid = laid();
        set(&laid, owner, mode);
        let before = snapshot(&laid.site);
        let ran = laid.migrate(&["--link"]);
        if ran.code == 0 {
            // The file system makes clones.
            assert_ne!(inode(&old(&laid)), inode(&new(&laid)));
        } else {
            assert_eq!(ran.code, 3, "{}", ran.all());
            assert!(ran.stderr.contains("error[store-unlinkable]"), "{}", ran.all());
            assert!(!laid.target.exists());
        }
        assert_eq!(snapshot(&laid.site), before);
    }
}

#[test]
fn where_that_is_waived_such_a_message_is_copied_with_its_own_owner() {
    let laid = Laid::new(
        SMALL,
        "[new]\nmail_ids = [89, 89]\n[[waive]]\ncode = \"store-unlinkable\"\nsubject = \"joe@a.example\"\nreason = \"few\"\n",
    );
    fs::create_dir_all(old(&laid).parent().unwrap()).unwrap();
    fs::write(old(&laid), "Subject: one\n\nbody\n").unwrap();
    set(&laid, 88, 0o640);
    let ran = laid.migrate(&["--link"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_ne!(inode(&old(&laid)), inode(&new(&laid)));
    let copy = fs::metadata(new(&laid)).unwrap();
    assert_eq!((copy.uid(), copy.mode() & 0o7777), (89, 0o600));
    assert_eq!(fs::metadata(old(&laid)).unwrap().uid(), 88);
}
