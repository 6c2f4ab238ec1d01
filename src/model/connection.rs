//! Where a database server is, and who writes to it.

use super::password::Secret;

/// A kind of server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// PostgreSQL.
    Postgresql,
    /// MariaDB, and what speaks MySQL's protocol as it does.
    Mysql,
}

impl Server {
    /// The port that it has unless told otherwise.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Postgresql => 5432,
            Self::Mysql => 3306,
        }
    }
}

/// A database on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The kind of server.
    pub server: Server,
    /// The name or address of the server; or the folder of its socket, for MariaDB the socket, which
    /// begins with `/`.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The database on it.
    pub name: String,
    /// Who reads and writes it.
    pub user: String,
    /// That user's password; empty where the server asks for none.
    pub password: Secret,
}

impl Connection {
    /// The path of its socket, or of the socket's folder, where it is reached by one.
    pub fn socket(&self) -> Option<&str> {
        Some(self.host.as_str()).filter(|host| host.starts_with('/'))
    }

    /// Whether every part can stand in a configuration file of any program: printable ASCII without
    /// blanks, quotes, backslashes and what divides or begins something there.
    pub fn is_plain(&self) -> bool {
        let password = self.password.reveal();
        let parts = [&self.host, &self.name, &self.user];
        let plain = |byte: &u8| byte.is_ascii_graphic() && !b"'\"\\#$%{};".contains(byte);
        parts.iter().all(|part| !part.is_empty() && part.bytes().all(|byte| plain(&byte)))
            && password.iter().all(plain)
    }
}
