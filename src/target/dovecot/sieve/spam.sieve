# Written by unqmail. Goes before the scripts of users: mail that a filter has marked as spam is filed,
# and no script of its receiver sees it.
require ["fileinto", "mailbox"];
if header :contains "X-Spam-Flag" "YES" {
  if mailboxexists "INBOX.Spam" {
    fileinto "INBOX.Spam";
  } else {
    fileinto "INBOX.Junk";
  }
  stop;
}
