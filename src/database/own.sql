-- What has no column there.
CREATE TABLE IF NOT EXISTS unqmail_alias (
    address NAME NOT NULL PRIMARY KEY,
    goto TARGETS NOT NULL
);
CREATE TABLE IF NOT EXISTS unqmail_login (
    name NAME NOT NULL PRIMARY KEY,
    username ACCOUNT NOT NULL
);
CREATE TABLE IF NOT EXISTS unqmail_limit (
    username ACCOUNT NOT NULL PRIMARY KEY,
    messages bigint NOT NULL DEFAULT 0
);
-- A print of each row that was written, by which a later run knows what people changed.
CREATE TABLE IF NOT EXISTS unqmail_written (
    tab varchar(64) NOT NULL,
    id ROW NOT NULL,
    print varchar(32) NOT NULL,
    PRIMARY KEY (tab, id)
);
