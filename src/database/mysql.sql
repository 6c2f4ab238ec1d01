-- PostfixAdmin's tables.
CREATE TABLE IF NOT EXISTS config (
    id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name varchar(20) CHARACTER SET latin1 COLLATE latin1_general_ci NOT NULL DEFAULT '',
    value varchar(20) CHARACTER SET latin1 COLLATE latin1_general_ci NOT NULL DEFAULT '',
    UNIQUE KEY name (name)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
CREATE TABLE IF NOT EXISTS admin (
    username varchar(255) NOT NULL PRIMARY KEY,
    password varchar(255) NOT NULL,
    created datetime NOT NULL DEFAULT '2000-01-01',
    modified datetime NOT NULL DEFAULT '2000-01-01',
    active tinyint(1) NOT NULL DEFAULT 1,
    superadmin tinyint(1) NOT NULL DEFAULT 0,
    phone varchar(30) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL DEFAULT '',
    email_other varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL DEFAULT '',
    token varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL DEFAULT '',
    token_validity datetime NOT NULL DEFAULT '2000-01-01'
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS alias (
    address varchar(255) NOT NULL PRIMARY KEY,
    goto text NOT NULL,
    domain varchar(255) NOT NULL,
    created datetime NOT NULL DEFAULT '2000-01-01',
    modified datetime NOT NULL DEFAULT '2000-01-01',
    active tinyint(1) NOT NULL DEFAULT 1,
    KEY domain (domain)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS alias_domain (
    alias_domain varchar(255) NOT NULL DEFAULT '' PRIMARY KEY,
    target_domain varchar(255) NOT NULL DEFAULT '',
    created datetime NOT NULL DEFAULT '2000-01-01',
    modified datetime NOT NULL DEFAULT '2000-01-01',
    active tinyint(1) NOT NULL DEFAULT 1,
    KEY active (active),
    KEY target_domain (target_domain)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS domain (
    domain varchar(255) NOT NULL PRIMARY KEY,
    description varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL,
    aliases int(10) NOT NULL DEFAULT 0,
    mailboxes int(10) NOT NULL DEFAULT 0,
    maxquota bigint(20) NOT NULL DEFAULT 0,
    quota bigint(20) NOT NULL DEFAULT 0,
    transport varchar(255) NOT NULL,
    backupmx tinyint(1) NOT NULL DEFAULT 0,
    created datetime NOT NULL DEFAULT '2000-01-01',
    modified datetime NOT NULL DEFAULT '2000-01-01',
    active tinyint(1) NOT NULL DEFAULT 1,
    password_expiry int(11) DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS domain_admins (
    username varchar(255) NOT NULL,
    domain varchar(255) NOT NULL,
    created datetime NOT NULL DEFAULT '2000-01-01',
    active tinyint(1) NOT NULL DEFAULT 1,
    id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    KEY username (username)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS fetchmail (
    id int(11) unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
    mailbox varchar(255) NOT NULL,
    src_server varchar(255) NOT NULL,
    src_auth enum('password', 'kerberos_v5', 'kerberos', 'kerberos_v4', 'gssapi', 'cram-md5', 'otp',
        'ntlm', 'msn', 'ssh', 'any') CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT NULL,
    src_user varchar(255) NOT NULL,
    src_password varchar(255) NOT NULL,
    src_folder varchar(255) NOT NULL,
    poll_time int(11) unsigned NOT NULL DEFAULT 10,
    fetchall tinyint(1) unsigned NOT NULL DEFAULT 0,
    keep tinyint(1) unsigned NOT NULL DEFAULT 0,
    protocol enum('POP3', 'IMAP', 'POP2', 'ETRN', 'AUTO')
        CHARACTER SET latin1 COLLATE latin1_swedish_ci DEFAULT NULL,
    usessl tinyint(1) unsigned NOT NULL DEFAULT 0,
    extra_options text DEFAULT NULL,
    returned_text text DEFAULT NULL,
    mda varchar(255) NOT NULL,
    date timestamp NOT NULL DEFAULT '2000-01-01',
    sslcertck tinyint(1) NOT NULL DEFAULT 0,
    sslcertpath varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci DEFAULT '',
    sslfingerprint varchar(255) DEFAULT '',
    domain varchar(255) DEFAULT '',
    active tinyint(1) NOT NULL DEFAULT 0,
    created timestamp NOT NULL DEFAULT '2000-01-01',
    modified timestamp NOT NULL DEFAULT current_timestamp(),
    src_port int(11) NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS log (
    timestamp datetime NOT NULL DEFAULT '2000-01-01',
    username varchar(255) NOT NULL,
    domain varchar(255) NOT NULL,
    action varchar(255) NOT NULL,
    data text NOT NULL,
    id int(11) NOT NULL AUTO_INCREMENT PRIMARY KEY,
    KEY timestamp (timestamp),
    KEY domain_timestamp (domain, timestamp)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS mailbox (
    username varchar(255) NOT NULL PRIMARY KEY,
    password varchar(255) NOT NULL,
    name varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,
    maildir varchar(255) NOT NULL,
    quota bigint(20) NOT NULL DEFAULT 0,
    local_part varchar(255) NOT NULL,
    domain varchar(255) NOT NULL,
    created datetime NOT NULL DEFAULT '2000-01-01',
    modified datetime NOT NULL DEFAULT '2000-01-01',
    active tinyint(1) NOT NULL DEFAULT 1,
    phone varchar(30) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL DEFAULT '',
    email_other varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL DEFAULT '',
    token varchar(255) CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci NOT NULL DEFAULT '',
    token_validity datetime NOT NULL DEFAULT '2000-01-01',
    password_expiry datetime NOT NULL DEFAULT '2000-01-01',
    KEY domain (domain)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS quota (
    username varchar(255) NOT NULL,
    path varchar(100) NOT NULL,
    current bigint(20) NOT NULL DEFAULT 0,
    PRIMARY KEY (username, path)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS quota2 (
    username varchar(255) CHARACTER SET latin1 COLLATE latin1_general_ci NOT NULL PRIMARY KEY,
    bytes bigint(20) NOT NULL DEFAULT 0,
    messages int(11) NOT NULL DEFAULT 0
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
CREATE TABLE IF NOT EXISTS vacation (
    email varchar(255) NOT NULL PRIMARY KEY,
    subject varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,
    body text CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL,
    cache text NOT NULL,
    domain varchar(255) NOT NULL,
    created datetime NOT NULL DEFAULT '2000-01-01',
    active tinyint(1) NOT NULL DEFAULT 1,
    modified timestamp NOT NULL DEFAULT current_timestamp(),
    activefrom timestamp NOT NULL DEFAULT '2000-01-01',
    activeuntil timestamp NOT NULL DEFAULT '2038-01-18',
    interval_time int(11) NOT NULL DEFAULT 0,
    KEY email (email)
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_general_ci;
CREATE TABLE IF NOT EXISTS vacation_notification (
    on_vacation varchar(255) CHARACTER SET latin1 COLLATE latin1_general_ci NOT NULL,
    notified varchar(255) CHARACTER SET latin1 COLLATE latin1_general_ci NOT NULL DEFAULT '',
    notified_at timestamp NOT NULL DEFAULT current_timestamp(),
    PRIMARY KEY (on_vacation, notified),
    CONSTRAINT vacation_notification_pkey
        FOREIGN KEY (on_vacation) REFERENCES vacation (email) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb3 COLLATE=utf8mb3_general_ci;
INSERT INTO config (name, value)
    SELECT 'version', '1847' FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM config WHERE name = 'version');
