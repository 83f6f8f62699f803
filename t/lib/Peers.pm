# SPDX-License-Identifier: Apache-2.0
# Small servers for probes to meet: TCP, UDP, DNS and NTP, and the files of a certificate authority.
# Each runs in a process of its own that ends by itself and at the latest with the test.
package Peers;
use strict;
use warnings;
use Exporter 'import';
use IO::Socket::IP;
use POSIX ();
use Socket qw(:DEFAULT inet_pton AF_INET6 SOL_SOCKET SO_LINGER);
use Time::HiRes qw(time sleep);

our @EXPORT_OK = qw(tcp_server udp_server name_server ntp_server authority closed_port smtp reset_on_close
  settle);
our $LIFE = 180; # seconds

my (@pids, $main);
$main = $$;

END {
  if ($$ == $main) {
    my $status = $?;
    kill 'KILL', @pids;
    waitpid $_, 0 for @pids;
    $? = $status;
  }
}

sub start {
  my ($code) = @_;
  my $pid = fork() // die "fork: $!";
  if ($pid) {
    push @pids, $pid;
    return $pid;
  }
  $SIG{ALRM} = sub { POSIX::_exit(0) };
  $SIG{PIPE} = 'IGNORE';
  alarm $LIFE;
  $code->();
  POSIX::_exit(0);
}

# $handler->($connection) in a process for each connection; returns the port.
sub tcp_server {
  my ($host, $handler) = @_;
  my $l = IO::Socket::IP->new(LocalHost => $host, LocalPort => 0, Listen => 128) or return undef;
  start(sub {
    $SIG{CHLD} = 'IGNORE';
    for (;;) {
      my $c = $l->accept or next;
      my $pid = fork() // next;
      if (!$pid) {
        close $l;
        $c->autoflush(1);
        alarm 60;
        $handler->($c);
        POSIX::_exit(0);
      }
      close $c;
    }
  });
  return $l->sockport;
}

# $handler->($socket, $data, $from); returns the port.
sub udp_server {
  my ($host, $handler) = @_;
  my $s = IO::Socket::IP->new(LocalHost => $host, LocalPort => 0, Proto => 'udp') or return undef;
  start(sub {
    for (;;) {
      my $from = $s->recv(my $data, 65536);
      $handler->($s, $data, $from) if defined $from;
    }
  });
  return $s->sockport;
}

# Answers A and AAAA of the names in the table: addresses, or a sub that gives them and is called with
# the number of the query. NXDOMAIN for others, no answer for "silent...".
sub name_server {
  my (%table) = @_;
  my %asked;
  return udp_server('127.0.0.1', sub {
    my ($s, $query, $from) = @_;
    my ($id, $at, @labels) = (substr($query, 0, 2), 12);
    while (my $n = ord substr $query, $at, 1) {
      push @labels, substr $query, $at + 1, $n;
      $at += $n + 1;
    }
    my $type = unpack 'n', substr $query, $at + 1, 2;
    my $question = substr $query, 12, $at + 5 - 12;
    my $name = lc join '.', @labels;
    return if $name =~ /^silent/;
    my $have = $table{$name};
    $have = [$have->($asked{$name}++)] if ref $have eq 'CODE';
    my @rows = grep { length($_) == ($type == 1 ? 4 : $type == 28 ? 16 : 0) }
      map { inet_pton(/:/ ? AF_INET6 : AF_INET, $_) } @{ $have // [] };
    my $answer = join '', map { pack('n n n N n', 0xc00c, $type, 1, 0, length) . $_ } @rows;
    $s->send($id . pack('n5', $have ? 0x8180 : 0x8183, 1, scalar @rows, 0, 0) . $question . $answer,
      0, $from);
  });
}

# A time server whose clock is $how{ahead} seconds ahead; flags, stratum, refid, origin may be wrong.
sub ntp_server {
  my (%how) = @_;
  return udp_server($how{host} // '127.0.0.1', sub {
    my ($s, $query, $from) = @_;
    my $stamp = sub {
      my $t = time + ($how{ahead} // 0) + 2208988800;
      return pack 'N N', int $t, ($t - int $t) * 2**32;
    };
    my $receive = $stamp->();
    my $origin = $how{origin} // substr $query, 40, 8;
    $s->send(pack('C C c c N N a4', $how{flags} // 0x24, $how{stratum} // 1, 6, -20, 0x0100, 0x0200,
        $how{refid} // 'TEST') . $stamp->() . $origin . $receive . $stamp->(), 0, $from);
  });
}

# A mail server that greets and knows EHLO, STARTTLS (hands the connection to $tls_port) and QUIT.
sub smtp {
  my ($c, $tls_port, $early) = @_;
  syswrite $c, "220 mail.test ESMTP\r\n";
  my $buffer = '';
  while (sysread $c, $buffer, 4096, length $buffer) {
    while ($buffer =~ s/^(.*?)\r?\n//) {
      my $line = $1;
      if ($line =~ /^EHLO (\S+)/) { syswrite $c, "250-hello $1\r\n250-PIPELINING\r\n250 OK\r\n" }
      elsif ($line =~ /^QUIT/) { syswrite $c, "221 bye\r\n"; return }
      elsif ($line =~ /^STARTTLS/) {
        syswrite $c, "220 go on\r\n" . ($early // '');
        return relay($c, IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $tls_port));
      }
      else { syswrite $c, "500 what is \"$line\"\r\n" }
    }
  }
}

sub relay {
  my ($a, $b) = @_;
  return unless $b;
  my %to = (fileno($a) => $b, fileno($b) => $a);
  my $select = IO::Select->new($a, $b);
  while (my @ready = $select->can_read(30)) {
    for my $from (@ready) {
      return unless sysread $from, my $bytes, 16384;
      syswrite $to{ fileno $from }, $bytes;
    }
  }
}

sub reset_on_close { setsockopt $_[0], SOL_SOCKET, SO_LINGER, pack 'i i', 1, 0 }

# A port that was free a moment ago.
sub closed_port {
  my ($host, $proto) = @_;
  my $l = IO::Socket::IP->new(LocalHost => $host, LocalPort => 0, Proto => $proto // 'tcp',
    ($proto // 'tcp') eq 'tcp' ? (Listen => 1) : ()) or return undef;
  return $l->sockport;
}

# Waits until a port takes connections.
sub settle {
  my ($host, $port) = @_;
  my $until = time + 20;
  while (time < $until) {
    return 1 if IO::Socket::IP->new(PeerHost => $host, PeerPort => $port);
    sleep 0.05;
  }
  return 0;
}

# ca.pem and, for each [name, days, subjectAltName, CA file], name.pem and key.pem in $dir; undef
# without openssl.
sub authority {
  my ($dir, @certificates) = @_;
  my $run = sub {
    my $pid = fork() // die;
    if (!$pid) {
      open STDIN, '<', '/dev/null';
      open STDOUT, '>', '/dev/null';
      open STDERR, '>&', \*STDOUT;
      exec @_ or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return $? == 0;
  };
  my @key = qw(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes);
  $run->(qw(openssl req -x509), @key, '-keyout', "$dir/ca.key", '-out', "$dir/ca.pem", qw(-days 30 -subj),
    '/CN=Test CA') or return undef;
  $run->(qw(openssl req), @key, '-keyout', "$dir/key.pem", '-out', "$dir/csr.pem", qw(-subj /CN=leaf))
    or return undef;
  for my $row (@certificates) {
    my ($name, $days, $alt) = @$row;
    open my $ext, '>', "$dir/ext" or die;
    print $ext "subjectAltName=$alt\n";
    close $ext;
    $run->(qw(openssl x509 -req -in), "$dir/csr.pem", '-CA', "$dir/ca.pem", '-CAkey', "$dir/ca.key",
      '-days', $days, '-extfile', "$dir/ext", '-out', "$dir/$name.pem") or return undef;
  }
  return 1;
}

1;
