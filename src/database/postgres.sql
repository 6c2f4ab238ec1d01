-- PostfixAdmin's tables.
CREATE TABLE IF NOT EXISTS config (
    id serial PRIMARY KEY,
    name varchar(20) NOT NULL UNIQUE,
    value varchar(20) NOT NULL
);
CREATE TABLE IF NOT EXISTS domain (
    domain varchar(255) NOT NULL PRIMARY KEY,
    description varchar(255) NOT NULL DEFAULT '',
    aliases integer NOT NULL DEFAULT 0,
    mailboxes integer NOT NULL DEFAULT 0,
    maxquota bigint NOT NULL DEFAULT 0,
    quota bigint NOT NULL DEFAULT 0,
    transport varchar(255) DEFAULT NULL,
    backupmx boolean NOT NULL DEFAULT false,
    created timestamp with time zone DEFAULT now(),
    modified timestamp with time zone DEFAULT now(),
    active boolean NOT NULL DEFAULT true,
    password_expiry integer DEFAULT 0
);
CREATE INDEX IF NOT EXISTS domain_domain_active ON domain (domain, active);
CREATE TABLE IF NOT EXISTS admin (
    username varchar(255) NOT NULL PRIMARY KEY,
    password varchar(255) NOT NULL DEFAULT '',
    created timestamp with time zone DEFAULT now(),
    modified timestamp with time zone DEFAULT now(),
    active boolean NOT NULL DEFAULT true,
    superadmin boolean NOT NULL DEFAULT false,
    phone varchar(30) NOT NULL DEFAULT '',
    email_other varchar(255) NOT NULL DEFAULT '',
    token varchar(255) NOT NULL DEFAULT '',
    token_validity timestamp with time zone DEFAULT '2000-01-01'
);
CREATE TABLE IF NOT EXISTS alias (
    address varchar(255) NOT NULL PRIMARY KEY,
    goto text NOT NULL,
    domain varchar(255) NOT NULL REFERENCES domain (domain),
    created timestamp with time zone DEFAULT now(),
    modified timestamp with time zone DEFAULT now(),
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX IF NOT EXISTS alias_address_active ON alias (address, active);
CREATE INDEX IF NOT EXISTS alias_domain_idx ON alias (domain);
CREATE TABLE IF NOT EXISTS alias_domain (
    alias_domain varchar(255) NOT NULL PRIMARY KEY REFERENCES domain (domain) ON DELETE CASCADE,
    target_domain varchar(255) NOT NULL REFERENCES domain (domain) ON DELETE CASCADE,
    created timestamp with time zone DEFAULT now(),
    modified timestamp with time zone DEFAULT now(),
    active boolean NOT NULL DEFAULT true
);
CREATE INDEX IF NOT EXISTS alias_domain_active ON alias_domain (alias_domain, active);
CREATE TABLE IF NOT EXISTS domain_admins (
    username varchar(255) NOT NULL,
    domain varchar(255) NOT NULL REFERENCES domain (domain),
    created timestamp with time zone DEFAULT now(),
    active boolean NOT NULL DEFAULT true,
    id serial PRIMARY KEY
);
CREATE TABLE IF NOT EXISTS fetchmail (
    id serial PRIMARY KEY,
    mailbox varchar(255) NOT NULL DEFAULT '',
    src_server varchar(255) NOT NULL DEFAULT '',
    src_auth varchar(15) NOT NULL CHECK (src_auth IN ('password', 'kerberos_v5', 'kerberos',
        'kerberos_v4', 'gssapi', 'cram-md5', 'otp', 'ntlm', 'msn', 'ssh', 'any')),
    src_user varchar(255) NOT NULL DEFAULT '',
    src_password varchar(255) NOT NULL DEFAULT '',
    src_folder varchar(255) NOT NULL DEFAULT '',
    poll_time integer NOT NULL DEFAULT 10,
    fetchall boolean NOT NULL DEFAULT false,
    keep boolean NOT NULL DEFAULT false,
    protocol varchar(15) NOT NULL CHECK (protocol IN ('POP3', 'IMAP', 'POP2', 'ETRN', 'AUTO')),
    extra_options text,
    returned_text text,
    mda varchar(255) NOT NULL DEFAULT '',
    date timestamp with time zone DEFAULT now(),
    usessl boolean NOT NULL DEFAULT false,
    sslcertck boolean NOT NULL DEFAULT false,
    sslcertpath varchar(255) DEFAULT '',
    sslfingerprint varchar(255) DEFAULT '',
    domain varchar(255) DEFAULT '',
    active boolean NOT NULL DEFAULT false,
    created timestamp with time zone DEFAULT '2000-01-01',
    modified timestamp with time zone DEFAULT now(),
    src_port integer NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS log (
    timestamp timestamp with time zone DEFAULT now(),
    username varchar(255) NOT NULL DEFAULT '',
    domain varchar(255) NOT NULL DEFAULT '',
    action varchar(255) NOT NULL DEFAULT '',
    data text NOT NULL DEFAULT '',
    id serial PRIMARY KEY
);
CREATE INDEX IF NOT EXISTS log_domain_timestamp_idx ON log (domain, timestamp);
CREATE TABLE IF NOT EXISTS mailbox (
    username varchar(255) NOT NULL PRIMARY KEY,
    password varchar(255) NOT NULL DEFAULT '',
    name varchar(255) NOT NULL DEFAULT '',
    maildir varchar(255) NOT NULL DEFAULT '',
    quota bigint NOT NULL DEFAULT 0,
    created timestamp with time zone DEFAULT now(),
    modified timestamp with time zone DEFAULT now(),
    active boolean NOT NULL DEFAULT true,
    domain varchar(255) REFERENCES domain (domain),
    local_part varchar(255) NOT NULL,
    phone varchar(30) NOT NULL DEFAULT '',
    email_other varchar(255) NOT NULL DEFAULT '',
    token varchar(255) NOT NULL DEFAULT '',
    token_validity timestamp with time zone DEFAULT '2000-01-01',
    password_expiry timestamp with time zone DEFAULT '2000-01-01'
);
CREATE INDEX IF NOT EXISTS mailbox_domain_idx ON mailbox (domain);
CREATE INDEX IF NOT EXISTS mailbox_username_active ON mailbox (username, active);
CREATE TABLE IF NOT EXISTS quota (
    username varchar(255) NOT NULL,
    path varchar(100) NOT NULL,
    current bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (username, path)
);
CREATE TABLE IF NOT EXISTS quota2 (
    username varchar(100) NOT NULL PRIMARY KEY,
    bytes bigint NOT NULL DEFAULT 0,
    messages integer NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS vacation (
    email varchar(255) NOT NULL PRIMARY KEY,
    subject varchar(255) NOT NULL,
    body text NOT NULL DEFAULT '',
    created timestamp with time zone DEFAULT now(),
    active boolean NOT NULL DEFAULT true,
    domain varchar(255) REFERENCES domain (domain),
    modified timestamp with time zone DEFAULT now(),
    activefrom timestamp with time zone DEFAULT '2000-01-01',
    activeuntil timestamp with time zone DEFAULT '2038-01-18',
    interval_time integer NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS vacation_email_active ON vacation (email, active);
CREATE TABLE IF NOT EXISTS vacation_notification (
    on_vacation varchar(255) NOT NULL REFERENCES vacation (email) ON DELETE CASCADE,
    notified varchar(255) NOT NULL,
    notified_at timestamp with time zone NOT NULL DEFAULT now(),
    PRIMARY KEY (on_vacation, notified)
);
INSERT INTO config (name, value) VALUES ('version', '1847') ON CONFLICT (name) DO NOTHING;
