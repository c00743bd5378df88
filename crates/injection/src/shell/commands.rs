//! Programs of a Unix system, by how much their names say.
//!
//! From POSIX, the GNU core utilities, util-linux, iproute2, net-tools and the interpreters every distribution has.

use std::collections::HashMap;
use std::sync::LazyLock;

/// How much a name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    /// Also a word of English: needs arguments only a command has.
    Word,
    /// A program and sometimes a name of something: needs arguments or nothing behind it.
    Program,
    /// Only ever a command.
    Command,
}

const COMMANDS: &str = " wget ifconfig whoami chmod chown chgrp uname nslookup netstat netcat ncat nc traceroute mkfifo mknod mkdir \
    rmdir usermod useradd adduser userdel groupadd passwd getent xxd hexdump base64 base32 gunzip gzip bunzip2 zcat bzcat xzcat zstdcat \
    tac printf printenv lsof lsblk lscpu lsb_release dmesg crontab systemctl iptables tcpdump strace gdb gcc cpp \
    busybox ksh csh tcsh zsh dash ash rbash pwsh xargs awk gawk mawk nawk sed egrep fgrep zgrep setsid nohup \
    chroot pkill killall pgrep pidof umount wc tee touch ln ls rm mv cp dd df du ps sudo su ssh scp sftp rsync telnet \
    ftp tftp apt dpkg yum rpm pip npm sh ping6 arp hostname vi pico nano mysql psql sqlite3 mysqldump openssl \
    socat nmap dirname basename readlink realpath unzip lwp-download lwp-request tclsh irb lua5.3 rsh rcp \
    ip6tables setfacl getfacl chsh chfn visudo vim ed emacs nl od pwd c99 c89 rlogin expr cksum md5sum sha1sum sha256sum \
    terraform kubectl helm podman flock lastlog perf bridge brctl ethtool iwconfig iftop htop atop iotop mtr whois telinit ncdu \
    valgrind ltrace tcpflow tshark hping3 masscan hydra openvpn wg-quick gpg gpgconf keytool certbot systemd-run loginctl machinectl \
    debugfs dmsetup losetup lvm vgchange mdadm blkid parted swapon insmod modprobe rmmod lsmod depmod restic rclone \
    run-parts start-stop-daemon update-alternatives dpkg-reconfigure dnf zypper pacman emerge apk snap flatpak brew composer \
    gem cpan easy_install sysctl fdisk mkfs ifup ifdown journalctl timedatectl whereis xterm aptitude apt-get httpd nginx ";

const PROGRAMS: &str = " curl bash perl python python2 python3 ruby php node lua java fetch id env ping cat dir tar zip finger host \
    dig route ip w docker git make screen tmux killall5 halt reboot poweroff ftpd mount uptime tail head grep locate nice exec rev ";

const WORDS: &str = " find who echo sleep kill more less sort split at date test top time cut join paste read \
    set export source alias cd eval file man which type free history users groups logname look comm diff fold expand \
    strings tr uniq wall write watch xz lynx links stat sync sum true false yes command builtin trap wait jobs fg bg \
    timeout last service shutdown ";

/// The names by hash, made at first use.
static NAMES: LazyLock<HashMap<&'static str, Name>> = LazyLock::new(|| {
    let lists = [
        (WORDS, Name::Word),
        (PROGRAMS, Name::Program),
        (COMMANDS, Name::Command),
    ];
    lists
        .iter()
        .flat_map(|&(list, name)| list.split_ascii_whitespace().map(move |word| (word, name)))
        .collect()
});

/// What a word in lower case is, if it is a command's name.
pub(super) fn name(word: &[u8]) -> Option<Name> {
    let word = std::str::from_utf8(word)
        .ok()
        .filter(|word| (1..=24).contains(&word.len()))?;
    let plain = word.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    NAMES
        .get(word)
        .or_else(|| {
            if plain.len() >= 3 && plain.len() < word.len() {
                NAMES.get(plain)
            } else {
                None
            }
        })
        .copied()
}
