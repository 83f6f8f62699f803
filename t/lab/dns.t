#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The dns plugin in a real runner beside dig, both asking nsd in a network namespace of this test's
# own: each answer, its rcode, its flags and the text must be the same. Then the other protocols, the
# walk from a root of our own, and servers in private networks, where packets are counted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../runner";
use File::Temp qw(tempdir);
use House qw(capture program);
use IO::Socket::INET;
use POSIX ();
use RunnerDriver;
use Test::More;

if (!$ENV{SONDE_DNS_INSIDE}) {
  plan skip_all => 'needs root' if $> != 0;
  for my $need (qw(ip nft nsd dig openssl unshare mount)) {
    plan skip_all => "needs the program $need" unless program($need);
  }
  my @enter = (program('unshare'), '--net', '--mount', '--propagation', 'private');
  plan skip_all => 'cannot make a network namespace here' if system("@enter true 2>/dev/null");
  $ENV{SONDE_DNS_INSIDE} = 1;
  exec @enter, $^X, $0 or die "unshare: $!";
}

my $dir = tempdir('sonde-dns-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $self = $$;
my @pids;
END { if ($$ == $self) { local $?; kill 'TERM', @pids; waitpid $_, 0 for @pids } }

sub run { system(@_) == 0 or BAIL_OUT("@_ failed") }

sub write_file {
  my ($name, $text) = @_;
  open my $f, '>', "$dir/$name" or die "$name: $!";
  print $f $text;
  close $f or die "$name: $!";
  return "$dir/$name";
}

sub spawn {
  my ($name, @argv) = @_;
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', "$dir/$name.log";
    open STDERR, '>&', \*STDOUT;
    exec @argv or POSIX::_exit(127);
  }
  push @pids, $pid;
  return $pid;
}

# ---- the network: loopback, and 10.53.0.0/24 whose packets are counted ----

run(qw(ip link set lo up));
run(qw(ip address add 10.53.0.1/24 dev lo));
my $rules = write_file('rules.nft', <<'END');
table inet count {
  counter private { }
  chain out { type filter hook output priority 0; ip daddr 10.0.0.0/8 counter name private; }
}
END
run('nft', '-f', $rules);
sub private_packets { return `nft list counter inet count private` =~ /packets (\d+)/ ? $1 : -1 }

# ---- servers ----

my %record = (
  'a' => 'A 192.0.2.1', 'b' => 'A 192.0.2.2', 'aaaa' => 'AAAA 2001:db8::1',
  'mapped' => 'AAAA ::ffff:192.0.2.1', 'zeros' => 'AAAA 2001:db8:0:0:1::', 'mx' => 'MX 10 a',
  'nullmx' => 'MX 0 .', 'txt' => 'TXT "plain"', 'odd' => 'TXT "quo\"te" "back\\\\slash" "\000\127\200 ;"',
  'empty' => 'TXT ""', 'long' => 'TXT "' . ('x' x 255) . '" "' . ('y' x 200) . '"',
  'srv' => 'SRV 1 2 5060 a', 'caa' => 'CAA 0 issue "ca.example; policy=ev"',
  'caa2' => 'CAA 128 iodef "mailto:a@example"', 'ptr' => 'PTR a', 'hinfo' => 'HINFO "PDP-11" "UNIX"',
  'rp' => 'RP who.lab.test. txt', 'afsdb' => 'AFSDB 1 a', 'spf' => 'SPF "v=spf1 -all"',
  'naptr' => 'NAPTR 100 10 "u" "sip+E2U" "!^.*$!sip:i@example.com!" .',
  'sshfp' => 'SSHFP 1 1 1234567890ABCDEF1234567890ABCDEF12345678',
  'tlsa' => 'TLSA 3 1 1 ' . ('0123456789abcdef' x 4), 'smimea' => 'SMIMEA 3 0 0 ' . ('ab' x 40),
  'openpgp' => 'OPENPGPKEY ' . ('AQID' x 40), 'cert' => 'CERT PKIX 1 RSASHA256 ' . ('AQID' x 20),
  'ds' => 'DS 12345 13 2 ' . ('ab' x 32), 'cds' => 'CDS 12345 13 2 ' . ('cd' x 32),
  'cdelete' => 'CDS 0 0 0 00', 'cdnskey' => 'CDNSKEY 257 3 13 ' . ('AQID' x 21) . 'AQ==',
  'loc' => 'LOC 51 30 12.748 N 0 7 39.612 W 12.00m 10m 100m 10m',
  'loc2' => 'LOC 0 0 0.000 S 180 0 0.000 E -100000.00m 0m 90000000m 1m',
  'eui48' => 'EUI48 00-00-5e-00-53-2a', 'eui64' => 'EUI64 00-00-5e-ef-10-00-00-2a',
  'uri' => 'URI 10 1 "https://www.example.com/path"', 'svcb' => 'SVCB 1 a port=5300 alpn="h2,h3"',
  'svcb0' => 'SVCB 0 a.lab.test.',
  'https' => 'HTTPS 1 . alpn="h2,h3" ipv4hint=192.0.2.1,192.0.2.2 ipv6hint=2001:db8::1 ech="AEn+DQBFKwAg"',
  'https2' => 'HTTPS 16 a mandatory=alpn,port alpn="h2" no-default-alpn port=8443',
  'https3' => 'HTTPS 2 b key65333="ex1" key667="\"q\""', 'kx' => 'KX 10 a', 'apl' => 'APL 1:10.0.0.0/8 !2:2001:db8::/32',
  'px' => 'PX 10 a b', 'x25' => 'X25 "311061700956"', 'isdn' => 'ISDN "150862028003217" "004"',
  'rt' => 'RT 10 a', 'dhcid' => 'DHCID ' . 'AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=',
  'ipseckey' => 'IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==',
  'ipseckey3' => 'IPSECKEY 10 3 2 a.lab.test. AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==',
  'unknown' => 'TYPE65280 \# 4 0A000001', 'unknown0' => 'TYPE65281 \# 0', 'csync' => 'CSYNC 66 3 A NS AAAA',
  'nid' => 'NID 10 0014:4fff:ff20:ee64', 'l32' => 'L32 10 10.1.2.0', 'l64' => 'L64 10 2001:0db8:1140:1000',
  'lp' => 'LP 10 l64', 'dname' => 'DNAME other.test.', 'escaped\.dot' => 'A 192.0.2.7',
  'sp\032ace' => 'A 192.0.2.8', 'UPPER' => 'A 192.0.2.9', '*.wild' => 'TXT "any"', '_sip._tcp' => 'SRV 0 0 0 .',
  'x.y.z' => 'A 192.0.2.10', 'chain1' => 'CNAME chain2', 'chain2' => 'CNAME chain3', 'chain3' => 'CNAME a',
  'dangling' => 'CNAME nothing', 'outside' => 'CNAME www.example.', 'ring1' => 'CNAME ring2', 'ring2' => 'CNAME ring1',
  'private' => 'A 10.53.0.1', 'sub' => 'NS ns.sub', 'ns.sub' => 'A 192.0.2.99', 'glueless' => 'NS ns.elsewhere.test.',
  'ttl0' => '0 A 192.0.2.11', 'ttlmax' => '2147483647 A 192.0.2.12',
  ('l' x 63) => 'A 192.0.2.13', join('.', ('m' x 60) x 3) => 'TXT "a long name"',
);
my $zone = "\$ORIGIN lab.test.\n\$TTL 300\n@ SOA ns hostmaster 2026112101 3600 600 86400 60\n@ NS ns\n@ NS ns2\n" .
  "ns A 127.0.1.3\nns2 A 127.0.0.1\nns2 AAAA ::1\n@ MX 10 mx\n";
$zone .= "$_ $record{$_}\n" for sort keys %record;
$zone .= "many A 198.51.100.$_\n" for 1 .. 200;
$zone .= "round A 203.0.113.$_\n" for 1 .. 3;
write_file('lab.test.zone', $zone);
write_file('signed.test.zone', do { local (@ARGV, $/) = "$FindBin::Bin/signed.test.zone"; <> });
my $small = "\$TTL 60\n@ SOA ns.lab.test. h 1 1 1 1 1\n@ NS ns.lab.test.\n";
write_file('other.test.zone', "${small}www A 192.0.2.20\n");
write_file('2.0.192.in-addr.arpa.zone', "${small}1 PTR a.lab.test.\n");
write_file('8.b.d.0.1.0.0.2.ip6.arpa.zone', "$small\$ORIGIN 8.b.d.0.1.0.0.2.ip6.arpa.\n" .
  join('.', 1, (0) x 23) . " PTR aaaa.lab.test.\n");
# The root and the zone above hand down; `lost` to a server that is silent, `inside` to a private
# address, `circle` back to the root, `lame` to a server that knows nothing of it.
write_file('root.zone', <<'END');
$TTL 60
. SOA a.root.test. h.root.test. 1 1 1 1 1
. NS a.root.test.
a.root.test. A 127.0.1.1
test. NS a.test.
a.test. A 127.0.1.2
END
write_file('test.zone', <<'END');
$ORIGIN test.
$TTL 60
@ SOA a h 1 1 1 1 1
@ NS a
a A 127.0.1.2
lab NS ns.lab
ns.lab A 127.0.1.3
signed NS ns.lab
bare NS ns2.lab
inside NS ns.inside
ns.inside A 10.53.0.1
named NS private.lab
lost NS ns.lost
ns.lost A 127.0.1.9
lame NS ns.lame
ns.lame A 127.0.1.1
END
run('sh', '-c', 'exec "$@" >/dev/null 2>&1', 'sh', 'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
  'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30', '-subj', '/CN=dns.lab.test', '-addext',
  'subjectAltName=DNS:dns.lab.test,IP:127.0.0.1', '-keyout', "$dir/tls.key", '-out', "$dir/tls.crt");

sub start_nsd {
  my ($name, $addresses, $zones, @more) = @_;
  my $conf = join '', map { "$_\n" } 'server:', (map { "  ip-address: $_" } @$addresses), @more,
    '  username: ""', '  chroot: ""', '  database: ""', "  zonesdir: \"$dir\"",
    "  pidfile: \"$dir/$name.pid\"", "  zonelistfile: \"$dir/$name.list\"",
    "  xfrdfile: \"$dir/$name.xfrd\"", "  xfrdir: \"$dir\"", '  server-count: 1', '  rrl-ratelimit: 0',
    '  identity: "lab one"', '  minimal-responses: no', 'remote-control:', '  control-enable: no',
    map { my ($z, $f) = /=/ ? split /=/ : ($_, "$_.zone"); ('zone:', "  name: \"$z\"", "  zonefile: \"$f\"") } @$zones;
  my $file = write_file("$name.conf", $conf);
  my $pid = spawn($name, program('nsd'), '-d', '-c', $file);
  for (1 .. 200) {
    my $text = `dig +short +tries=1 +time=1 \@$addresses->[0] CH TXT id.server 2>&1`;
    return if $text =~ /^"/;
    last if waitpid($pid, POSIX::WNOHANG());
    select undef, undef, undef, 0.05;
  }
  BAIL_OUT("$name does not start: " . do { local (@ARGV, $/) = "$dir/$name.log"; <> });
}

start_nsd('leaf', ['127.0.0.1', '127.0.1.3', '::1', '10.53.0.1', '127.0.0.1@853', '::1@853'],
  [qw(lab.test signed.test other.test 2.0.192.in-addr.arpa 8.b.d.0.1.0.0.2.ip6.arpa)],
  "  tls-service-key: \"$dir/tls.key\"", "  tls-service-pem: \"$dir/tls.crt\"", '  tls-port: 853',
  '  nsid: "ascii_lab one"');
start_nsd('root', ['127.0.1.1'], ['.=root.zone']);
start_nsd('top', ['127.0.1.2'], ['test']);

run('mount', '--bind', write_file('resolv.conf', "# ours\nnameserver 127.0.0.1\n"), '/etc/resolv.conf');
$ENV{SSL_CERT_FILE} = "$dir/tls.crt";
my $r = RunnerDriver->new(plugins => RunnerDriver::plugin_dirs('dns'),
  args => ['--guard-allow', '127.0.0.0/8,::1/128', '--resolver', '127.0.0.1', '--read', $dir]);

# Paths of what results held, as the fields of the plugin name them.
my %paths;
sub note_paths {
  my ($value, $path) = @_;
  $paths{$path} = 1 if length $path && $path !~ /\]$/;
  if (ref $value eq 'HASH') {
    note_paths($value->{$_}, length $path ? "$path.$_" : $_) for keys %$value;
  } elsif (ref $value eq 'ARRAY') {
    note_paths($_, "$path\[]") for @$value;
  }
}

# ---- the same as dig ----

# What differs by its nature: the head, the id, the time. Rows of one set may come in any order.
sub normal {
  my ($text) = @_;
  $text =~ s/\A.*?(?=^;; Got answer)//ms;
  $text =~ s/ id: \d+$/ id: X/m;
  $text =~ s/^;; Query time: \K\d+/N/m;
  $text =~ s/^;; WHEN: .*\n//m;
  $text =~ s/\n+\z/\n/;
  return join "\n\n", map { my ($head, @rows) = split /\n/; join "\n", $head // '', sort @rows } split /\n\n/, $text;
}

sub dig { my (@args) = @_; return (capture('dig', '+nocookie', '+tries=2', '+time=2', @args))[1] }

my ($compared, @different) = (0);
sub same {
  my ($target, $type, $options, @dig) = @_;
  my $o = $r->run('dns', $target, options => { resolver => '127.0.0.1', 'query' => { type => $type }, %$options });
  my $theirs = dig('@127.0.0.1', @dig, ($type eq 'PTR' && $target =~ /^[0-9.]+$|:/ ? ('-x') : ()), $target,
    ($type eq 'PTR' && $target =~ /^[0-9.]+$|:/ ? () : ($type)));
  note_paths($o->{body}, '');
  my ($one, $two) = (normal($o->{body}{rawOutput} // ''), normal($theirs));
  $compared++;
  if ($one ne $two) {
    push @different, "$target $type";
    my %both = map { ($_ => 1) } split /\n/, $two;
    my %ours = map { ($_ => 1) } split /\n/, $one;
    diag(join "\n", "$target $type @dig: " . ($o->{why} // ''),
      (map { "sonde: $_" } grep { !$both{$_} } split /\n/, $one),
      (map { "dig:   $_" } grep { !$ours{$_} } split /\n/, $two));
  }
  # The fields say what the text says.
  my ($status) = $theirs =~ /status: (\w+)/;
  my ($flags) = $theirs =~ /^;; flags: ([a-z ]*);/m;
  my ($section) = $theirs =~ /;; ANSWER SECTION:\n(.*?)\n\n/s;
  my @rows = sort map { join ' ', split ' ', $_, 5 } split /\n/, $section // '';
  my @ours = sort map { join ' ', @$_{qw(name ttl class type value)} } @{ $o->{body}{answers} // [] };
  s/\s+/ /g for @rows, @ours;
  push @different, "$target $type fields" and diag("$target $type: @ours | @rows")
    if ($o->{body}{statusCodeName} // '') ne ($status // 'none') ||
    ($o->{body}{flags} // '') ne ($flags // 'none') || "@ours" ne "@rows";
  return $o;
}

my %KNOWN = map { ($_ => 1) } qw(A AAAA AFSDB ANY CAA CDNSKEY CDS CERT CNAME DNAME DNSKEY DS EUI48 EUI64 HINFO
  HTTPS LOC MX NAPTR NS NSEC NSEC3 NSEC3PARAM OPENPGPKEY PTR RP RRSIG SMIMEA SOA SPF SRV SSHFP SVCB TLSA TXT URI);
for my $name (sort keys %record) {
  my ($type) = grep { !/^\d+$/ } split ' ', $record{$name};
  same("$name.lab.test", $KNOWN{$type} ? ($type, {}) : ('ANY', {}, '+notcp'));
}
same('lab.test', $_, {}) for qw(SOA NS MX A);
same('lab.test', 'ANY', {}, '+notcp');
same($_, 'A', {}) for qw(nothing.lab.test a.nothing.lab.test y.z.lab.test www.dname.lab.test chain1.lab.test
  dangling.lab.test outside.lab.test ring1.lab.test www.example any.wild.lab.test www.sub.lab.test x.glueless.lab.test
  round.lab.test other.test .);
same('any.wild.lab.test', 'TXT', {});
same('192.0.2.1', 'PTR', {});
same('2001:db8::1', 'PTR', {});
same('round.lab.test', 'A', { recursion => JSON::PP::false }, '+norecurse');
same('round.lab.test', 'A', { authenticData => JSON::PP::false }, '+noadflag');
same('round.lab.test', 'A', { checkingDisabled => JSON::PP::true }, '+cdflag');
same('round.lab.test', 'A', { ednsSize => 0 }, '+noedns');
same('round.lab.test', 'A', { nsid => JSON::PP::true }, '+nsid');
same('round.lab.test', 'A', { protocol => 'tcp' }, '+tcp');
for my $type (qw(SOA NS DNSKEY NSEC3PARAM A RRSIG)) {
  same('signed.test', $type, { dnssec => JSON::PP::true }, '+dnssec');
}
same($_, 'A', { dnssec => JSON::PP::true }, '+dnssec')
  for qw(www.signed.test nothing.signed.test x.wild.signed.test www.sub.signed.test);
same('x.wild.signed.test', 'TXT', { dnssec => JSON::PP::true }, '+dnssec');
cmp_ok($compared, '>=', 100, "$compared questions");
is_deeply(\@different, [], 'dig prints the same answers, rcode, flags and text');

# ---- protocols ----

sub ask {
  my ($target, %options) = @_;
  my $o = $r->run('dns', $target, options => \%options, timeoutMs => 8000);
  note_paths($o->{body}, '');
  return $o;
}

subtest 'a cut answer is asked for again over TCP' => sub {
  my $o = ask('many.lab.test', resolver => '127.0.0.1');
  is($o->{failure} // 'ok', 'ok', 'ok') or diag $o->{why};
  is(scalar @{ $o->{body}{answers} }, 200, 'all records');
  is($o->{body}{protocol}, 'TCP', 'over TCP');
  ok($o->{body}{truncated}, 'and says why');
  my $theirs = dig('@127.0.0.1', 'many.lab.test');
  is(normal($o->{body}{rawOutput}), normal($theirs), 'as dig does');
  ok($o->{body}{timings}{connect} > 0 && $o->{body}{timings}{total} >= $o->{body}{timings}{query}, 'with times');
};

subtest 'DNS over TLS' => sub {
  my $o = ask('round.lab.test', resolver => '127.0.0.1', protocol => 'DOT');
  is($o->{failure} // 'ok', 'ok', 'ok') or diag $o->{why};
  is(scalar @{ $o->{body}{answers} }, 3, 'answers');
  ok($o->{body}{tls}{authorized}, 'the certificate is trusted');
  like($o->{body}{tls}{protocol}, qr/^TLSv1\.[23]$/, 'version');
  ok($o->{body}{timings}{tls} > 0, 'time of the handshake');
  my $theirs = dig('@127.0.0.1', '+tls', '-p', 853, 'round.lab.test');
  is(normal($o->{body}{rawOutput}), normal($theirs), 'as dig +tls');
  $o = ask('round.lab.test', resolver => '127.0.0.1', protocol => 'DOT', tls => { name => 'dns.lab.test' });
  is($o->{failure} // 'ok', 'ok', 'by its name');
  $o = ask('round.lab.test', resolver => '127.0.0.1', protocol => 'DOT', tls => { name => 'other.test' });
  is($o->{failure}, 'tls', 'another name is a failure');
  like($o->{why}, qr/not trusted: hostname mismatch/i, 'and says why');
  $o = ask('round.lab.test', resolver => '127.0.0.1', protocol => 'DOT',
    tls => { name => 'other.test', verify => JSON::PP::false });
  is($o->{failure} // 'ok', 'ok', 'unless that is allowed');
  ok(!$o->{body}{tls}{authorized} && $o->{body}{tls}{error}, 'and told');
  $o = ask('round.lab.test', resolver => '127.0.0.1', protocol => 'DOT', port => 53);
  isnt($o->{failure} // 'ok', 'ok', 'no TLS on the port: ' . ($o->{why} // ''));
};

# nginx ends TLS; what it passes on is answered by a query to nsd.
sub start_doh {
  my $l = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 8053, Listen => 8, ReuseAddr => 1)
    or die "8053: $!";
  my $pid = fork() // die;
  if ($pid) { push @pids, $pid; return }
  $SIG{ALRM} = sub { POSIX::_exit(0) };
  alarm 300;
  while (my $c = $l->accept) {
    my ($length, $path) = (0, '');
    while (defined(my $line = <$c>)) {
      $path = $1 if $line =~ /^\w+ (\S+) /;
      $length = $1 if $line =~ /^content-length: *(\d+)/i;
      last if $line =~ /^\r?\n/;
    }
    my ($query, $answer);
    read $c, $query, $length;
    my $u = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 53, Proto => 'udp');
    $u->send($query);
    $u->recv($answer, 65535);
    my $status = $path eq '/dns-query' ? '200 OK' : '404 Not Found';
    print $c "HTTP/1.0 $status\r\nContent-Type: application/dns-message\r\n" .
      ($path eq '/plain' ? '' : 'Content-Length: ' . length($answer) . "\r\n") . "\r\n$answer";
    close $c;
  }
  POSIX::_exit(0);
}

subtest 'DNS over HTTPS' => sub {
  plan skip_all => 'needs nginx' unless program('nginx');
  start_doh();
  my $conf = write_file('nginx.conf', <<"END");
daemon off; user root; worker_processes 1; pid $dir/nginx.pid; error_log stderr warn;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path $dir/n1; proxy_temp_path $dir/n2; fastcgi_temp_path $dir/n3;
  uwsgi_temp_path $dir/n4; scgi_temp_path $dir/n5;
  server {
    listen 127.0.0.1:443 ssl http2;
    ssl_certificate $dir/tls.crt; ssl_certificate_key $dir/tls.key;
    location / { proxy_pass http://127.0.0.1:8053; }
  }
}
END
  spawn('nginx', program('nginx'), '-e', 'stderr', '-c', $conf);
  for (1 .. 100) {
    last if IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 443);
    select undef, undef, undef, 0.05;
  }
  my $o = ask('round.lab.test', resolver => '127.0.0.1', protocol => 'DOH');
  is($o->{failure} // 'ok', 'ok', 'ok') or diag $o->{why};
  is(scalar @{ $o->{body}{answers} // [] }, 3, 'answers');
  my $theirs = dig('@127.0.0.1', '+https', 'round.lab.test');
  is(normal($o->{body}{rawOutput}), normal($theirs), 'as dig +https');
  $o = ask('round.lab.test', resolver => '127.0.0.1', protocol => 'DOH', path => '/nothing');
  is($o->{failure}, 'protocol', 'another status than 200');
  like($o->{why}, qr/HTTP status 404/, 'is told');
};

subtest 'HTTPS servers that do not end' => sub {
  my $names = join ',', map { "DNS:name-$_.lab.test" } 1 .. 40_000;
  my $conf = write_file('big.conf', join "\n", '[req]', 'distinguished_name=dn', 'prompt=no',
    'x509_extensions=ext', '[dn]', 'CN=big', '[ext]', "subjectAltName=$names\n");
  run('sh', '-c', 'exec "$@" >/dev/null 2>&1', 'sh', 'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
    'ec_paramgen_curve:prime256v1', '-nodes', '-config', $conf, '-keyout', "$dir/big.key", '-out', "$dir/big.crt");
  my @server = ('openssl', 's_server', '-quiet', '-naccept', 1, '-accept');
  spawn('head', 'sh', '-c', '(echo "HTTP/1.1 200 OK"; exec yes "X: y") | exec "$@"', 'sh', @server, 4431,
    '-cert', "$dir/tls.crt", '-key', "$dir/tls.key");
  spawn('slow', 'sh', '-c', '(for i in H T T P / 1 . 1; do printf $i; sleep 1; done) | exec "$@"', 'sh', @server, 4432,
    '-cert', "$dir/tls.crt", '-key', "$dir/tls.key");
  spawn('big', 'sh', '-c', 'exec sleep 10 | exec "$@"', 'sh', @server, 4433, '-cert', "$dir/big.crt", '-key', "$dir/big.key");
  my @rows = ([4431, 'protocol', qr/too long an HTTP head/], [4432, 'timeout', qr/no answer/], [4433, 'tls', qr/./]);
  for my $row (@rows) {
    my ($port, $failure, $why) = @$row;
    for (1 .. 100) {
      last if `ss -Hltn sport = :$port` =~ /LISTEN/;
      select undef, undef, undef, 0.05;
    }
    my $o = ask('a.lab.test', resolver => '127.0.0.1', protocol => 'DOH', port => $port, wait => '1s');
    is($o->{failure}, $failure, "$port: $o->{why}");
    like($o->{why}, $why, 'which is told');
  }
};

subtest 'what is expected' => sub {
  my @server = (resolver => '127.0.0.1');
  is(ask('a.lab.test', @server, expect => { rcode => 'NOERROR', value => '192.0.2.1' })->{failure} // 'ok', 'ok', 'met');
  my $o = ask('a.lab.test', @server, expect => { value => '192.0.2.99' });
  is($o->{failure}, 'assertion', 'another value');
  is($o->{body}{answers}[0]{value}, '192.0.2.1', 'the answer is kept');
  is(ask('nothing.lab.test', @server, expect => { rcode => 'NOERROR' })->{failure}, 'assertion', 'another rcode');
  is(ask('nothing.lab.test', @server, expect => { rcode => 'NXDOMAIN' })->{failure} // 'ok', 'ok', 'NXDOMAIN may be meant');
};

subtest 'resolvers' => sub {
  my $o = ask('round.lab.test');
  is($o->{failure} // 'ok', 'ok', "the node's own") or diag $o->{why};
  is($o->{body}{resolver}, '127.0.0.1', 'with its address');
  $o = ask('round.lab.test', resolver => 'ns2.lab.test');
  is($o->{body}{resolver}, 'ns2.lab.test', 'a name');
  like($o->{body}{resolvedAddress}, qr/^(127\.0\.0\.1|::1)$/, 'its address');
  ok($o->{body}{timings}{resolve} > 0, 'the time of its lookup');
  $o = $r->run('dns', 'round.lab.test', ipVersion => 6, options => { resolver => 'ns2.lab.test' });
  is($o->{body}{resolvedAddress}, '::1', 'IPv6 when asked');
  $o = ask('RoUnD.lab.test', resolver => '127.0.0.1', randomCase => JSON::PP::true);
  is(scalar @{ $o->{body}{answers} }, 3, 'letters of mixed case come back');
  $o = ask('round.lab.test', resolver => '127.0.0.1', nsid => JSON::PP::true);
  is($o->{body}{nsid}, 'lab one', 'NSID');
  ok($o->{body}{timings}{total} > 0 && $o->{body}{timings}{total} < 50, 'time');
  # The kernel switches its stamps on in the background: a reply by loopback may be there before.
  my %clock;
  $clock{ ask('round.lab.test', resolver => '127.0.0.1')->{body}{timestamps} }++ for 1 .. 10;
  ok($clock{kernel}, 'by the kernel');
  $o = ask('nothing.lab.test', resolver => '127.0.0.1');
  is($o->{failure} // 'ok', 'ok', 'NXDOMAIN is a result');
  is_deeply([@{ $o->{body} }{qw(statusCode statusCodeName answers)}], [3, 'NXDOMAIN', []], 'as Globalping has it');
};

# ---- from the root down ----

sub hops {
  my ($o) = @_;
  return map { "$_->{resolver} $_->{statusCodeName} " . @{ $_->{answers} } } @{ $o->{body}{hops} // [] };
}

subtest 'trace' => sub {
  my $o = ask('round.lab.test', trace => JSON::PP::true, roots => '127.0.1.1');
  is($o->{failure} // 'ok', 'ok', 'ok') or diag $o->{why};
  is_deeply([hops($o)], ['127.0.1.1 NOERROR 1', 'a.test NOERROR 1', 'ns.lab.test NOERROR 5'], 'three hops');
  is($o->{body}{hops}[2]{resolvedAddress}, '127.0.1.3', 'by the glue');
  like($o->{body}{rawOutput}, qr/^;; Received \d+ bytes from 127\.0\.1\.3#53\(ns\.lab\.test\) in \d+ ms$/m, 'text');
  $o = ask('round.lab.test', trace => JSON::PP::true, resolver => '127.0.1.1');
  is_deeply([hops($o)], ['127.0.1.1 NOERROR 1', 'a.root.test NOERROR 1', 'a.test NOERROR 1', 'ns.lab.test NOERROR 5'],
    'the root servers by a resolver');
  $o = ask('nothing.lab.test', trace => JSON::PP::true, roots => '127.0.1.1');
  is($o->{failure} // 'ok', 'ok', 'NXDOMAIN ends it');
  is($o->{body}{hops}[-1]{statusCodeName}, 'NXDOMAIN', 'as such');
  $o = ask('x.bare.test', trace => JSON::PP::true, roots => '127.0.1.1');
  is($o->{body}{hops}[-1]{resolver}, 'ns2.lab.test', 'a server without glue is looked up');
  $o = ask('x.lame.test', trace => JSON::PP::true, roots => '127.0.1.1');
  is($o->{failure}, 'protocol', 'a circle ends');
  like($o->{why}, qr/lame/, 'and is told');
  $o = ask('x.lost.test', trace => JSON::PP::true, roots => '127.0.1.1', wait => '200ms');
  like($o->{failure}, qr/^(timeout|refused)$/, 'a server that does not answer');
  is(scalar @{ $o->{body}{hops} }, 2, 'what came before it is kept');
  $o = ask('round.lab.test', trace => JSON::PP::true, roots => '127.0.1.1', protocol => 'TCP');
  is_deeply([hops($o)], ['127.0.1.1 NOERROR 1', 'a.test NOERROR 1', 'ns.lab.test NOERROR 5'], 'over TCP');
};

# ---- private networks ----

subtest 'no packet into a private network' => sub {
  is(private_packets(), 0, 'none so far');
  my $o = ask('a.lab.test', resolver => '10.53.0.1');
  is($o->{failure}, 'guard', 'a resolver by address');
  for my $protocol (qw(TCP DOT DOH)) {
    $o = ask('a.lab.test', resolver => '10.53.0.1', protocol => $protocol);
    is($o->{failure}, 'guard', $protocol);
  }
  $o = ask('a.lab.test', resolver => 'private.lab.test');
  is($o->{failure}, 'guard', 'a resolver by name');
  $o = ask('x.inside.test', trace => JSON::PP::true, roots => '127.0.1.1');
  is($o->{failure}, 'guard', 'glue of a delegation');
  is(scalar @{ $o->{body}{hops} }, 2, 'after two hops');
  $o = ask('x.named.test', trace => JSON::PP::true, roots => '127.0.1.1');
  is($o->{failure}, 'guard', 'a server that is looked up');
  $o = ask('x.inside.test', trace => JSON::PP::true, roots => '10.53.0.1');
  is($o->{failure}, 'guard', 'a root');
  is(private_packets(), 0, 'no packet went there');
  system('dig +tries=1 +time=1 @10.53.0.1 a.lab.test >/dev/null 2>&1');
  cmp_ok(private_packets(), '>', 0, 'the counter counts');
};

is($r->quit, 0, 'the runner ends well');

subtest "the node's own resolver may be private, and is not told then" => sub {
  write_file('resolv.conf', "nameserver 10.53.0.1\n");
  $r = RunnerDriver->new(plugins => RunnerDriver::plugin_dirs('dns'), args => ['--guard-allow', '127.0.0.0/8']);
  my $o = ask('round.lab.test');
  is($o->{failure} // 'ok', 'ok', 'it is asked') or diag $o->{why};
  is($o->{body}{resolver}, 'private', 'as Globalping says it');
  is($o->{body}{resolvedAddress}, undef, 'no address');
  like($o->{body}{rawOutput}, qr/^;; SERVER: x\.x\.x\.x#53\(x\.x\.x\.x\) \(UDP\)$/m, 'nor in the text');
  unlike(JSON::PP::encode_json($o), qr/10\.53\./, 'nor anywhere');
  $o = ask('round.lab.test', trace => JSON::PP::true);
  unlike(JSON::PP::encode_json($o), qr/10\.53\./, 'nor in a trace');
  my $before = private_packets();
  for my $way ({ port => 22, protocol => 'TCP' }, { port => 54 }, { protocol => 'DOT' }, { protocol => 'DOH' }) {
    is(ask('round.lab.test', %$way)->{failure}, 'guard', 'not asked otherwise: ' . join ' ', sort values %$way);
  }
  is(private_packets(), $before, 'no packet went there');
  is($r->quit, 0, 'the runner ends well');
};
my $described = JSON::PP::decode_json((capture(House::builddir() . '/sonde-runner', '--describe', '--plugins',
  RunnerDriver::plugin_dirs('dns')))[1]);
my %field = map { ($_->{name} => 1) } @{ $described->{plugins}[0]{fields} };
delete $paths{rawOutput};
is_deeply([grep { !$field{$_} } sort keys %paths], [], 'the fields name every path of a result');
is_deeply([grep { !$paths{$_} && !/^(cut|extendedErrors)/ } sort keys %field], [], 'and no other');
done_testing;
