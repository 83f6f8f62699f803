#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# http and tls in the lab, with a real runner: phases beside `curl -w`, certificates beside `openssl
# s_client`, servers that mean no good, and whatever should lead to a private network, with the
# packets counted that reached it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../runner";
use File::Temp qw(tempdir);
use House qw(capture);
use IO::Socket::IP;
use Lab qw(at enter);
use POSIX ();
use RunnerDriver;
use Test::More;
use Time::HiRes qw(time);

enter('eu', qw(curl openssl));
my $dir = tempdir(CLEANUP => 1);
my $plugins = RunnerDriver::plugin_dirs(qw(http tls));
my (@children, @outputs);
my $self = $$;
END { if ($$ == ($self // 0)) { local $?; kill 'TERM', @children if @children } }


# A server in a namespace, up when it prints the line.
sub start {
  my ($ready, @cmd) = @_;
  my $pid = open(my $out, '-|') // die "fork: $!";
  if (!$pid) {
    open STDERR, '>&', \*STDOUT;
    exec @cmd or POSIX::_exit(127);
  }
  push @children, $pid;
  push @outputs, $out; # closing one would wait for its program
  my $seen = '';
  while (my $line = <$out>) {
    $seen .= $line;
    return if $line =~ $ready;
  }
  BAIL_OUT("@cmd does not start: $seen");
}

sub quiet {
  my ($rc, $text) = capture(@_);
  BAIL_OUT("@_: $text") if $rc;
  return $text;
}

# ---- a chain of three, served by openssl ----

sub write_file { my ($path, $text) = @_; open my $f, '>', $path or die "$path: $!"; print $f $text; close $f or die }

sub make_key { quiet('openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', "$dir/$_[0].key") }

sub make_chain {
  my ($subject_alt, $days) = @_;
  make_key($_) for qw(root middle leaf);
  quiet('openssl', 'req', '-x509', '-key', "$dir/root.key", '-subj', '/C=DE/O=Lab/CN=Lab Root', '-days', 90,
    '-out', "$dir/root.pem");
  write_file("$dir/ca.ext", "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign,cRLSign\n");
  write_file("$dir/leaf.ext", "subjectAltName=$subject_alt\n");
  for my $row (['middle', '/C=DE/O=Lab/CN=Lab Middle', 'root', 'ca'], ['leaf', '/CN=www.lab.test', 'middle', 'leaf']) {
    my ($name, $subject, $by, $ext) = @$row;
    quiet('openssl', 'req', '-new', '-key', "$dir/$name.key", '-subj', $subject, '-out', "$dir/$name.csr");
    quiet('openssl', 'x509', '-req', '-in', "$dir/$name.csr", '-CA', "$dir/$by.pem", '-CAkey', "$dir/$by.key",
      '-CAcreateserial', '-days', $days, '-extfile', "$dir/$ext.ext", '-out', "$dir/$name.pem");
  }
}

sub serve_tls {
  my ($port, $name, @more) = @_;
  my $pid = fork() // die "fork: $!";
  if (!$pid) {
    open STDIN,  '<', '/dev/null';
    open STDOUT, '>', "$dir/$port.log";
    open STDERR, '>&', \*STDOUT;
    exec(at('srv', 'openssl', 's_server', '-accept', "10.77.4.2:$port", '-cert', "$dir/$name.pem",
      '-key', "$dir/$name.key", '-www', @more)) or POSIX::_exit(127);
  }
  push @children, $pid;
  for (1 .. 1000) {
    return if IO::Socket::IP->new(PeerHost => '10.77.4.2', PeerPort => $port);
    select undef, undef, undef, 0.05;
  }
  BAIL_OUT("openssl s_server does not listen on port $port");
}

make_chain('DNS:www.lab.test', 30);
serve_tls(9001, 'leaf', '-cert_chain', "$dir/middle.pem", '-alpn', 'http/1.1');
serve_tls(9002, 'leaf', '-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384');
# A certificate of one MiB.
write_file("$dir/big.cnf", "[req]\ndistinguished_name=n\nx509_extensions=v\nprompt=no\n[n]\nCN=big\n[v]\n" .
    "subjectAltName=\@a\n[a]\n" . join('', map { sprintf "DNS.%d=%s.%06d.test\n", $_, 'x' x 60, $_ } 1 .. 15_000));
make_key('big');
quiet('openssl', 'req', '-x509', '-config', "$dir/big.cnf", '-key', "$dir/big.key", '-out', "$dir/big.pem");
cmp_ok(length quiet('openssl', 'x509', '-in', "$dir/big.pem", '-outform', 'DER'), '>', 1 << 20, 'a certificate of 1 MiB');
serve_tls(9003, 'big');
start(qr/^ready/, at('srv', $^X, "$FindBin::Bin/hostile", '10.77.4.2', 8000, '10.77.4.2', '10.77.5.2'));

$ENV{SSL_CERT_FILE} = "$dir/root.pem";
# Names below .test are open only to a guard that allows this host.
my $r = RunnerDriver->new(plugins => $plugins,
  args => ['--guard-allow', '10.77.4.0/24,127.0.0.1/32', '--read', $dir]);

# ---- beside curl ----

sub phases_of_curl {
  my ($url, @more) = @_;
  my $text = quiet('curl', '-sk', '-o', '/dev/null', '--no-sessionid', @more, '-w',
    '%{time_namelookup} %{time_connect} %{time_appconnect} %{time_starttransfer} %{time_total}', $url);
  my ($dns, $tcp, $tls, $first, $total) = map { 1000 * $_ } split ' ', $text;
  my $before = $tls || $tcp;
  return { dns => $dns, tcp => $tcp - $dns, $tls ? (tls => $tls - $tcp) : (), firstByte => $first - $before,
    download => $total - $first, total => $total };
}

# The shortest: what a busy machine adds is neither's.
sub least { my @s = sort { $a <=> $b } @_; return $s[0] }

for my $case (['http', 'HTTP', '--http1.1'], ['https', 'HTTPS', '--http1.1'], ['https', 'HTTP2', '--http2']) {
  my ($scheme, $protocol, $flag) = @$case;
  my (%ours, %theirs);
  for (1 .. 7) {
    my $o = $r->run('http', 'www.lab.test', options => { protocol => $protocol, request => { method => 'GET' } },
      ipVersion => 4);
    is($o->{failure} // 'ok', 'ok', "$protocol answers") or diag explain $o;
    push @{ $ours{$_} }, $o->{body}{phases}{$_} // 0 for qw(dns tcp tls firstByte download total);
    my $c = phases_of_curl("$scheme://www.lab.test/", '-4', $flag);
    push @{ $theirs{$_} }, $c->{$_} // 0 for qw(dns tcp tls firstByte download total);
  }
  for my $phase (qw(dns tcp tls firstByte download total)) {
    my ($we, $they) = (least(@{ $ours{$phase} }), least(@{ $theirs{$phase} }));
    my $room = $they * 0.05 > 1 ? $they * 0.05 : 1;
    # curl asks its threads for a name's addresses every few milliseconds.
    my $apart = $phase =~ /^(dns|total)$/ ? $we - $they : abs($we - $they);
    cmp_ok($apart, '<=', $room, sprintf('%s %s: %.2f ms, curl %.2f ms', $protocol, $phase, $we, $they));
  }
}

# ---- beside openssl s_client ----

subtest 'certificates are those of openssl' => sub {
  my $o = $r->run('tls', 'www.lab.test', options => { port => 9001, ciphers => \1 });
  is($o->{failure} // 'ok', 'ok', 'trusted') or diag explain $o;
  my $b = $o->{body};
  my ($rc, $text) = capture('sh', '-c',
    "openssl s_client -connect 10.77.4.2:9001 -servername www.lab.test -showcerts -alpn h2,http/1.1 </dev/null 2>/dev/null");
  my @pem = $text =~ /(-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n)/sg;
  is(scalar @{ $b->{chain} }, scalar @pem, 'as many certificates');
  is(scalar @pem, 2, 'which are two');
  for my $i (0 .. $#pem) {
    write_file("$dir/seen.pem", $pem[$i]);
    my $say = quiet('openssl', 'x509', '-in', "$dir/seen.pem", '-noout', '-fingerprint', '-sha256', '-subject',
      '-issuer', '-serial', '-dates', '-dateopt', 'iso_8601');
    my $c = $b->{chain}[$i];
    like($say, qr/Fingerprint=\Q$c->{fingerprint256}\E$/m, "$i: fingerprint");
    like($say, qr/^subject=\Q$c->{subject}\E$/m, "$i: subject");
    like($say, qr/^issuer=\Q$c->{issuer}\E$/m, "$i: issuer");
    is($say =~ /^serial=(\w+)$/m ? $1 : '', $c->{serialNumber} =~ tr/://dr, "$i: serial");
    my ($from, $until) = map { s/T/ /r =~ s/\.000Z/Z/r } @$c{qw(createdAt expiresAt)};
    like($say, qr/^notBefore=\Q$from\E$/m, "$i: begin");
    like($say, qr/^notAfter=\Q$until\E$/m, "$i: end");
  }
  like($text, qr/^New, \Q$b->{protocol}\E, Cipher is \Q$b->{cipherName}\E$/m, 'version and cipher');
  like($text, qr/^ALPN protocol: \Q$b->{alpn}\E$/m, 'ALPN');
  like($text, qr/^Server Temp Key: \Q$b->{keyExchange}\E/m, 'key exchange');
  is($b->{daysLeft}, 29, 'days left');
  is_deeply([map { $_->{offered} ? 1 : 0 } @{ $b->{versions} }], [0, 0, 1, 1], 'versions');
  ok($b->{ciphersComplete}, 'all ciphers');
  ok((grep { $_->{name} eq 'TLS_AES_256_GCM_SHA384' } @{ $b->{ciphers} }), 'with one of TLS 1.3');
};

subtest 'what is offered is found' => sub {
  my $b = $r->run('tls', '10.77.4.2', options => { port => 9002, ciphers => \1, serverName => 'www.lab.test',
      verify => \0 })->{body};
  is_deeply([map { $_->{name} } @{ $b->{ciphers} }], [qw(ECDHE-ECDSA-AES256-GCM-SHA384 ECDHE-ECDSA-AES128-GCM-SHA256)],
    'two ciphers') or diag explain $b;
  is_deeply([map { $_->{offered} ? 1 : 0 } @{ $b->{versions} }], [0, 0, 1, 0], 'of TLS 1.2 only');
  is($b->{error}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'a chain with a hole has a name');
};

subtest 'errors of verification' => sub {
  my $o = $r->run('tls', '10.77.4.2', options => { port => 9001 });
  is($o->{failure}, 'tls', 'another name fails');
  is($o->{body}{error}, 'ERR_TLS_CERT_ALTNAME_INVALID', 'and says so');
  $o = $r->run('tls', 'www.lab.test', options => { port => 443 });
  is($o->{body}{error}, 'DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed');
  is($r->run('http', 'www.lab.test', options => { verify => \1 })->{failure}, 'tls', 'http with verify');
  $o = $r->run('http', 'www.lab.test', options => { verify => \1, port => 9001, request => { method => 'GET' }, expect => { certificateDays => 29 } });
  is($o->{failure} // 'ok', 'ok', 'http with verify and a trusted chain') or diag explain $o;
  ok($o->{body}{tls}{authorized}, 'is authorized');
  $o = $r->run('http', 'www.lab.test', options => { port => 9001, request => { method => 'GET' },
      expect => { certificateDays => 30 } });
  is($o->{failure}, 'assertion', 'a certificate that ends too soon');
};

# ---- stapled OCSP answers, made by openssl ocsp, served by s_server, read by s_client as well ----

# The answer of a responder with that key about a certificate, whose state is a line of the index.
sub staple {
  my ($name, $state, $cert, $signer) = @_;
  my $serial = quiet('openssl', 'x509', '-in', "$dir/$cert.pem", '-noout', '-serial') =~ /=(\w+)/ ? $1 : '';
  my %fields = (good => "V\t491231235959Z\t\t", revoked => "R\t491231235959Z\t250102030405Z,keyCompromise\t");
  write_file("$dir/index", $fields{$state} ? "$fields{$state}$serial\tunknown\t/CN=$cert\n" : '');
  quiet('openssl', 'ocsp', '-issuer', "$dir/middle.pem", '-cert', "$dir/$cert.pem", '-no_nonce', '-reqout', "$dir/req.der");
  quiet('openssl', 'ocsp', '-index', "$dir/index", '-CA', "$dir/middle.pem", '-rsigner', "$dir/$signer.pem", '-rkey',
    "$dir/$signer.key", '-reqin', "$dir/req.der", '-ndays', 2, '-respout', "$dir/$name.ocsp");
  return "$dir/$name.ocsp";
}

subtest 'stapled answers' => sub {
  make_key($_) for qw(other stranger);
  quiet('openssl', 'req', '-new', '-key', "$dir/other.key", '-subj', '/CN=other.test', '-out', "$dir/other.csr");
  quiet('openssl', 'x509', '-req', '-in', "$dir/other.csr", '-CA', "$dir/middle.pem", '-CAkey', "$dir/middle.key",
    '-CAcreateserial', '-days', 30, '-extfile', "$dir/leaf.ext", '-out', "$dir/other.pem");
  quiet('openssl', 'req', '-x509', '-key', "$dir/stranger.key", '-subj', '/CN=stranger', '-days', 30, '-out',
    "$dir/stranger.pem");
  my @cases = (
    # port, name, state, certificate, signer, status, signed, openssl's word
    [9011, 'good',    'good',    'leaf',  'middle',   'good',    1, 'good'],
    [9012, 'revoked', 'revoked', 'leaf',  'middle',   'revoked', 1, 'revoked'],
    [9013, 'unknown', 'unknown', 'leaf',  'middle',   'unknown', 1, 'unknown'],
    [9014, 'forged',  'good',    'leaf',  'stranger', 'good',    0, 'good'],
    [9015, 'another', 'good',    'other', 'middle',   undef,     undef, 'good'],
  );
  for my $case (@cases) {
    my ($port, $name, $state, $cert, $signer, $status, $signed, $word) = @$case;
    serve_tls($port, 'leaf', '-cert_chain', "$dir/middle.pem", '-status_file', staple($name, $state, $cert, $signer));
    my $o = $r->run('tls', 'www.lab.test', options => { port => $port });
    is($o->{failure} // 'ok', 'ok', "$name: the chain is trusted") or diag explain $o;
    my $ocsp = $o->{body}{ocsp};
    ok($ocsp->{stapled}, "$name: stapled") or diag explain $o->{body};
    is($ocsp->{status}, $status, "$name: status");
    is($ocsp->{signed} ? 1 : 0, $signed, "$name: signature") if defined $signed;
    is($ocsp->{error}, defined $status ? undef : 'it is about another certificate', "$name: error");
    my ($rc, $text) = capture('sh', '-c', "openssl s_client -connect 10.77.4.2:$port -servername www.lab.test -status </dev/null 2>&1");
    is($text =~ /Cert Status: (\w+)/ ? $1 : 'none', $word, "$name: openssl reads the same");
    next if !defined $status;
    for my $field (['This Update', 'thisUpdate'], ['Next Update', 'nextUpdate']) {
      my ($mon, $day, $time, $year) = $text =~ /$field->[0]: (\w{3}) +(\d+) ([\d:]+) (\d{4}) GMT/;
      my %month = map { ((qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec))[$_ - 1] => $_) } 1 .. 12;
      is($ocsp->{ $field->[1] }, sprintf('%s-%02d-%02dT%s.000Z', $year // 0, $month{ $mon // '' } // 0, $day // 0, $time // ''),
        "$name: $field->[1]");
    }
  }
  my $o = $r->run('tls', 'www.lab.test', options => { port => 9001 });
  ok(!$o->{body}{ocsp}{stapled} && !exists $o->{body}{ocsp}{status}, 'a server that staples nothing');
  write_file("$dir/rubbish.ocsp", "\x30\x03\x0a\x01\x03");
  serve_tls(9016, 'leaf', '-cert_chain', "$dir/middle.pem", '-status_file', "$dir/rubbish.ocsp");
  $o = $r->run('tls', 'www.lab.test', options => { port => 9016 });
  is($o->{body}{ocsp}{error}, 'it says that there is no answer', 'a responder that wants to be asked later');
};

# ---- servers that mean no good ----

my $TIMEOUT = 3;
my @hostile = (
  ['endless headers',     8000, 'protocol', qr/headers of the answer are too large/],
  ['an endless header',   8001, 'protocol', qr/header of the answer is too long/],
  ['a byte a second',     8002, 'timeout',  qr/waiting for the answer/],
  ['a body, byte by byte', 8003, 'timeout', qr/waiting for the end of the body/],
  ['an endless body',     8004, undef],
  ['a gzip bomb',         8005, undef],
  ['a bomb in a bomb',    8006, undef],
  ['a redirect loop',     8007, 'protocol', qr/more redirects/],
  ['silence',             8008, 'timeout',  qr/waiting for the answer/],
  ['endless 100s',        8010, 'protocol', qr/headers of the answer are too large/],
  ['endless chunk notes', 8011, 'timeout', qr/end of the body/],
);
subtest 'servers that mean no good' => sub {
  my (%started, %ended);
  my @numbers = $r->tasks(map { ['http', '10.77.4.2', timeoutMs => $TIMEOUT * 1000, options => { port => $_->[1],
      protocol => 'HTTP', request => { method => 'GET' }, redirects => 5, compression => \1, bodyLimit => 1 << 20 }] } @hostile);
  my ($big, $big_tls) = $r->tasks(['http', '10.77.4.2', timeoutMs => $TIMEOUT * 1000, options => { port => 9003 }],
    ['tls', '10.77.4.2', timeoutMs => $TIMEOUT * 1000, options => { port => 9003 }]);
  my $begin = time;
  my $got = $r->outcomes(@numbers, $big, $big_tls);
  my $took = time - $begin;
  cmp_ok($took, '<', $TIMEOUT + 1, sprintf 'all are over after %.1f s', $took);
  for my $i (0 .. $#hostile) {
    my ($what, undef, $failure, $why) = @{ $hostile[$i] };
    my $o = $got->{ $numbers[$i] };
    is($o->{failure} // 'ok', $failure // 'ok', "$what: outcome") or diag($o->{why} // '');
    like($o->{why}, $why, "$what: why") if $why;
    ok($o->{body}{truncated}, "$what: truncated") unless $failure;
  }
  is($got->{$_}{failure}, 'tls', 'a certificate of 1 MiB') for $big, $big_tls;
  like($got->{$_}{why}, qr/excessive message size|too (large|long)/i, 'is called too large') for $big, $big_tls;
  open my $f, '<', "/proc/$r->{pid}/status" or die;
  my ($peak) = map { /^VmHWM:\s+(\d+)/ ? $1 : () } <$f>;
  SKIP: {
    skip 'a sanitizer takes memory of its own', 1 if (capture('ldd', House::builddir() . '/sonde-runner'))[1] =~ /libasan/;
    cmp_ok($peak, '<', 64 << 10, sprintf 'the runner stays under 64 MiB (%.1f)', $peak / 1024);
  }
};

# ---- ways inward ----

# The guard of this runner allows the network of srv and no other private one.
my $strict = RunnerDriver->new(plugins => $plugins, args => ['--guard-allow', '10.77.4.0/24']);
sub packets {
  my $text = quiet(at('target', qw(nft list chain inet count in)));
  return $text =~ /counter packets (\d+)/ ? $1 : -1;
}
quiet(at('target', 'nft', 'add table inet count; add chain inet count in { type filter hook prerouting priority -300; }; ' .
      'add rule inet count in ip saddr 10.77.1.0/24 counter'));

my @inward = (
  'http://10.77.5.2/', 'https://10.77.5.2/', 'http://172819714/', 'http://0x0a4d0502/', 'http://0xa.0x4d.5.2/',
  'http://012.0115.05.02/', 'http://10.77.1282/', 'http://10.5047554/', 'http://10.77.5.2./', 'http://[::ffff:10.77.5.2]/',
  'http://[::ffff:a4d:502]/', 'http://[64:ff9b::a4d:502]/', 'http://[2002:a4d:502::1]/', 'http://[::10.77.5.2]/',
  'http://[fd77:5::2]/', 'http://[fd77:5::2%25up0]/', 'http://target.lab.test/', 'http://TARGET.lab.test./',
  'http://10.77.4.2@10.77.5.2/', 'http://10.77.4.2:80@10.77.5.2:80/', 'http://10%2e77%2e5%2e2/', "http://10\xe3\x80\x8277.5.2/",
  "http://\xe2\x91\xa0\xe2\x93\xaa.77.5.2/", '//10.77.5.2/', '/\\10.77.5.2/', '\\\\10.77.5.2/', 'http:10.77.5.2/',
  'http:///10.77.5.2/', 'http://10.77.5.2#@10.77.4.2/', 'http://10.77.5.2?@10.77.4.2/', 'http://10.77.5.2:80/', 'ftp://10.77.5.2/',
  'file:///etc/passwd', 'gopher://10.77.5.2/', 'dict://10.77.5.2:80/x', 'http://169.254.169.254/latest/meta-data/',
  'http://127.0.0.1/', 'http://localhost/', 'http://0/', 'http://0.0.0.0/', 'http://[::]/', 'http://[::1]/',
);

subtest 'redirects lead nowhere inward' => sub {
  my $before = packets();
  cmp_ok($before, '>=', 0, 'packets are counted');
  my @numbers = $strict->tasks(map { ['http', '10.77.4.2', options => { port => 8009, protocol => 'HTTP', redirects => 5,
      request => { path => '/' . unpack 'H*', $_ } }] } @inward);
  my $got = $strict->outcomes(@numbers);
  for my $i (0 .. $#inward) {
    my $o = $got->{ $numbers[$i] };
    # A location that is none, or one on the same server, is no way inward.
    my $home = ($o->{body}{resolvedAddress} // '') eq '10.77.4.2';
    ok(($o->{failure} // 'ok') =~ /^(guard|resolve|protocol)$/ || $home, "$inward[$i]: " . ($o->{failure} // 'ok'));
  }
  is(packets() - $before, 0, 'no packet reached the private network');
};

subtest 'targets lead nowhere inward' => sub {
  my $before = packets();
  my @targets = ('10.77.5.2', '172819714', '0x0a4d0502', '012.0115.05.02', '10.77.1282', '::ffff:10.77.5.2', '64:ff9b::a4d:502',
    '2002:a4d:502::1', 'fd77:5::2', 'target.lab.test', 'TARGET.lab.test', '[::ffff:a4d:502]', '127.0.0.1', '::1', '169.254.169.254');
  for my $type (qw(http tls)) {
    my @numbers = $strict->tasks(map { [$type, $_, $type eq 'http' ? (options => { protocol => 'HTTP' }) : ()] } @targets);
    my $got = $strict->outcomes(@numbers);
    like($got->{ $numbers[$_] }{failure} // 'ok', qr/^(guard|resolve|internal)$/, "$type $targets[$_]") for 0 .. $#targets;
  }
  my $o = $strict->run('http', '10.77.4.2', options => { protocol => 'HTTP', request => { host => '10.77.5.2' } });
  is($o->{body}{resolvedAddress}, '10.77.4.2', 'a Host header changes no address');
  is(packets() - $before, 0, 'no packet reached the private network');
};

subtest 'another resolver' => sub {
  my $before = packets();
  # The runner's own resolver is one where nobody answers.
  my $q = RunnerDriver->new(plugins => $plugins,
    args => ['--guard-allow', '10.77.4.0/24,127.0.0.1/32', '--resolver', '127.0.0.1:1']);
  my $ask = sub {
    my ($target, $resolver, %more) = @_;
    return $q->run('http', $target, options => { protocol => 'HTTP', $resolver ? (resolver => $resolver) : () }, %more);
  };
  my $o;
  # It may be late on a busy machine.
  for (1 .. 20) {
    $o = $ask->('www.lab.test', '10.77.4.2', ipVersion => 4);
    last if !$o->{failure};
  }
  is($o->{failure} // 'ok', 'ok', 'it is asked') or diag($o->{why});
  is($o->{body}{resolvedAddress}, '10.77.4.2', 'and believed');
  ok(defined $o->{body}{timings}{dns}, 'and timed');
  is($ask->('www.lab.test', undef)->{failure}, 'resolve', 'unlike the own one');
  is($ask->('none.lab.test', '10.77.4.2')->{failure}, 'resolve', 'a name that it does not know');
  is($ask->('target.lab.test', '10.77.4.2')->{failure}, 'guard', 'a name that leads inward');
  $o = $ask->('www.lab.test', '10.77.5.2');
  is($o->{failure}, 'guard', 'a resolver that is inward');
  is($o->{why}, '10.77.5.2 may not be probed from here', 'which is said');
  # Taken back while nobody answers.
  my ($n) = $q->tasks(['http', 'www.lab.test', timeoutMs => 60_000, options => { protocol => 'HTTP', resolver => '10.77.4.200' }]);
  select undef, undef, undef, 0.1;
  $q->cancel($n);
  is($q->outcomes($n)->{$n}{failure}, 'cancelled', 'one that is silent, taken back');
  is(packets() - $before, 0, 'no packet reached the private network');
  is($q->quit, 0, 'the runner ends well');
};

subtest 'names that change their mind' => sub {
  my $before = packets();
  my $q = RunnerDriver->new(plugins => $plugins,
    args => ['--guard-allow', '10.77.4.0/24', '--resolver', '10.77.4.2:8000']);
  my @names = map { ("flip$_.example.org", "both$_.example.org", "alias$_.example.org", "mapped$_.example.org") } 1 .. 100;
  my %seen;
  my @numbers = $q->tasks(map { ['http', $_, options => { protocol => 'HTTP' }] } @names);
  for my $o (values %{ $q->outcomes(@numbers) }) {
    $seen{ $o->{failure} // 'ok' }++;
    is($o->{body}{resolvedAddress}, '10.77.4.2', 'public address') if !$o->{failure};
  }
  is(join(' ', sort keys %seen), 'guard ok', 'some are refused, some are public: ' . join(' ', %seen));
  is(packets() - $before, 0, 'no packet reached the private network');
};
quiet(qw(ping -c 1 10.77.5.2));
cmp_ok(packets(), '>', 0, 'and a ping there would have been counted');
done_testing;
