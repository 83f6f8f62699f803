#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Whom node, client and webhooks talk to: servers with certificates that are expired, of another host, of
# another authority, self-signed or of a key that no pin names get not one byte of a request; a pin stands
# in for an authority; clear text leaves the machine only when it is asked for, and then it shows.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Certs;
use Cwd ();
use House qw(capture);
use Sonde;
use Test::More;

plan skip_all => 'needs openssl' if (capture('sh', '-c', 'command -v openssl'))[0];
my $s = Sonde->new;
my $d = $s->{dir};
my $certs = Certs->new($d);
$certs->authority($_) for qw(ours others);
$certs->certificate('good', by => 'ours');
$certs->certificate('self');
$certs->certificate('expired', by => 'ours', to => '20210101000000Z');
$certs->certificate('future', by => 'ours', from => '20980101000000Z');
$certs->certificate('wronghost', by => 'ours', san => 'DNS:elsewhere.example,IP:127.0.0.9');
$certs->certificate('others1', by => 'others');
$certs->certificate('selfexpired', to => '20210101000000Z');
$certs->certificate('selffuture', from => '20980101000000Z');
$certs->certificate('selfwrong', san => 'DNS:elsewhere.example');
my %pin = map { $_ => $certs->pin($_) } qw(good self expired wronghost others1 selfexpired selffuture selfwrong);

# What is tried: the server's certificate, what the caller trusts, and whether it may connect.
my @ca = ('--ca-file', "$d/ours.crt");
my %case = (
  'good, with its authority'            => [ 'good', \@ca, 1 ],
  'expired'                             => [ 'expired', \@ca ],
  'not valid yet'                       => [ 'future', \@ca ],
  'of another host'                     => [ 'wronghost', \@ca ],
  'of another authority'                => [ 'others1', \@ca ],
  'self-signed'                         => [ 'self', \@ca ],
  "no authority of the system's"        => [ 'good', [] ],
  'self-signed, pinned'                 => [ 'self', [ '--pin', $pin{self} ], 1 ],
  'of an authority that nobody named, pinned' => [ 'others1', [ '--pin', $pin{others1} ], 1 ],
  'the second of two pins'              => [ 'self', [ '--pin', "$pin{good},$pin{self}" ], 1 ],
  'authority and pin'                   => [ 'good', [ @ca, '--pin', $pin{good} ], 1 ],
  'a pin that was taken back'           => [ 'self', [ '--pin', $pin{good} ] ],
  'good authority, another pin'         => [ 'good', [ @ca, '--pin', $pin{self} ] ],
  'good pin, another authority'         => [ 'others1', [ @ca, '--pin', $pin{others1} ] ],
  'pinned, but expired'                 => [ 'selfexpired', [ '--pin', $pin{selfexpired} ] ],
  'pinned, but not valid yet'           => [ 'selffuture', [ '--pin', $pin{selffuture} ] ],
  'pinned, but of another host'         => [ 'selfwrong', [ '--pin', $pin{selfwrong} ] ],
);

# One server for each certificate; what it decrypts of requests stands in its log. Its input never ends.
my %port;
sub heard { my ($name) = @_; return () = $s->log("server-$name") =~ m{^(?:GET|POST) /v1/}mg }
sub serve {
  my ($name, $cert) = @_;
  $port{$name} = Sonde::free_port();
  (capture('mkfifo', "$d/$name.fifo"))[0] and die 'no fifo';
  $s->spawn("server-$name", 'sh', '-c', 'exec openssl s_server -quiet "$@" <>"$0"', "$d/$name.fifo", '-accept',
    "127.0.0.1:$port{$name}", '-cert', "$d/$cert.crt", '-key', "$d/$cert.key");
  ok($s->until(20, sub { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port{$name}) }),
    "a server is $name");
}
$port{ $_->[0] } or serve($_->[0], $_->[0]) for values %case;
serve('hook', 'self');

sub file { my ($path, $text) = @_; open my $f, '>', $path or die $!; print $f $text; close $f; chmod 0600, $path }

# Webhooks, each with its try at one event, go on beside the rest: what fails is tried for half a minute.
my @bad = qw(expired future wronghost others1 self good);
my @refused = map { "webhook https://127.0.0.1:$port{$_}/hook ca=$d/ours.crt" . ($_ eq 'good' ? " pin=$pin{self}" : '') } @bad;
file("$d/hook.url", "https://127.0.0.1:$port{hook}/canary-in-a-path\n");
$s->start_controller('--notify', join(',', @refused, "webhook \@$d/hook.url pin=$pin{good};$pin{self}"));
$s->start_node('down', flags => { 'uplink-targets' => '127.0.0.1:' . Sonde::free_port(), 'self-test-every' => '200ms' });

file("$d/token", "srt_x\n");
delete @ENV{qw(SONDE_TOKEN SONDE_URL)};
$ENV{HOME} = $ENV{XDG_CONFIG_HOME} = $d;
my @how = ('--plugins', $s->{plugins}, '--runner', Sonde::program('sonde-runner'), '--api-listen', '',
  '--link-backoff-min', '50ms', '--link-backoff-max', '100ms');
my $n = 0;
for my $what (sort keys %case) {
  my ($name, $trust, $good) = @{ $case{$what} };
  my $url = "https://127.0.0.1:$port{$name}";
  my $id = 'node' . ++$n;
  # Who may connect waits for an answer that never comes.
  my %try = (
    client => [ Sonde::program('sonde'), 'node', 'ls', '--url', $url, @$trust ],
    enrolment => [ Sonde::program('sonde-node'), '--controller', $url, '--state', "$d/$id", '--token-file', "$d/token", @how, @$trust ],
    link => [ Sonde::program('sonde-node'), '--controller', $url, '--state', "$d/$id.link", @how, @$trust ],
  );
  mkdir "$d/$id.link", 0700;
  file("$d/$id.link/node.key", "id 01arz3ndektsv4rrffq69g5fav\nkey node_x\n");
  for my $who (sort keys %try) {
    my $before = heard($name);
    my $pid = $s->spawn("$id-$who", @{ $try{$who} });
    my $sure = $s->until(30, $good ? sub { heard($name) > $before } :
      sub { $s->log("$id-$who") =~ /certificate|verif|closed with|no pin names/i });
    ok($sure, $good ? "$what: the $who connects" : "$what: the $who says why it does not")
      or diag $s->log("$id-$who") . $s->log("server-$name");
    $s->kill("$id-$who", 'KILL');
    is(heard($name), $before, "$what: and sent nothing") if !$good;
    like($s->log("$id-$who"), qr{has the key \Q$pin{$name}\E, which no pin names}, 'but names the key it saw')
      if $what =~ /taken back|another pin/;
  }
}

subtest 'what is no pin' => sub {
  for my $bad ('sha256//x', $pin{self} . 'x', 'md5//' . substr $pin{self}, 8) {
    my ($rc, $text) = capture(Sonde::program('sonde'), 'node', 'ls', '--url', 'https://127.0.0.1:1', '--pin', $bad);
    is($rc, 2, "$bad is a usage error") or diag $text;
    ($rc, $text) = capture(Sonde::program('sonde-node'), '--controller', 'https://127.0.0.1:1', '--pin', $bad);
    is($rc, 2, 'of a node, too') or diag $text;
  }
};

ok($s->until(60, sub { () = $s->log('server-hook') =~ m{^POST /canary}mg }), 'a pinned webhook is told of an event')
  or diag $s->log('controller');
ok($s->until(90, sub { (() = $s->log('controller') =~ /webhook \S+ was not told: /g) >= @refused }),
  'the others are not, and the log says so') or diag $s->log('controller');
is((() = $s->log("server-$_") =~ m{^POST /hook}mg), 0, "nothing was sent to $_") for @bad;
unlike($s->log('controller'), qr/canary-in-a-path/, 'what may be secret in a URL is in no log');
$s->kill($_, 'TERM') for 'down', 'controller';

subtest 'clear text' => sub {
  my ($rc, $text) = capture(Sonde::program('sonde'), 'node', 'ls', '--url', 'http://192.0.2.1:8756');
  is($rc, 2, 'the client refuses it');
  like($text, qr/clear text: use https:.*--insecure/, 'and says what to do');
  ($rc, $text) = capture(Sonde::program('sonde-node'), '--controller', 'http://192.0.2.1:8756', '--state', "$d/no");
  is($rc, 2, 'a node refuses it');
  like($text, qr/use https:.*--insecure/, 'and says what to do');
  ($rc, $text) = capture(@{[ $s->controller_command('--notify', 'webhook http://192.0.2.1/hook') ]});
  isnt($rc, 0, 'a webhook is refused');
  like($text, qr/clear text to another machine: use https:/, 'with the reason');
};

subtest 'the pin of a controller' => sub {
  my ($rc, $text) = capture(Sonde::program('sonde-controller'), 'pin', "$d/self.crt");
  is("$rc $text", "0 $pin{self}\n", 'is printed for a file');
  ($rc, $text) = capture(Sonde::program('sonde-controller'), 'pin', '--cert', "$d/good.crt", '--key', "$d/good.key");
  is("$rc $text", "0 $pin{good}\n", 'and for a configuration');
  is((capture(Sonde::program('sonde-controller'), 'pin'))[0], 2, 'there must be one');
  is((capture(Sonde::program('sonde-controller'), 'pin', "$d/token"))[0], 1, 'in the file');
  ($rc, $text) = capture(Sonde::program('sonde-controller'), 'doctor', '--state', "$d/none", '--cert', "$d/self.crt",
    '--key', "$d/self.key", '--listen', '127.0.0.1:' . Sonde::free_port());
  like($text, qr{^ok\s+pin\s+\Q$pin{self}\E}m, 'doctor tells it');

  my $t = Sonde->new;
  $t->spawn('controller', $t->controller_command('--cert', "$d/self.crt", '--key', "$d/self.key"));
  my $url = "https://127.0.0.1:$t->{port}";
  ok($t->until(30, sub { -s "$t->{dir}/admin.token" && $t->log('controller') =~ /the pin of the certificate is (\S+)/ }),
    'the log of the start tells it') or diag $t->log('controller');
  my ($said) = $t->log('controller') =~ /the pin of the certificate is (\S+)/;
  is($said, $pin{self}, 'the same');
  my @as = ('--url', $url, '--pin', $said, '--token-file', "$t->{dir}/admin.token");
  ($rc, my $token) = capture(Sonde::program('sonde'), qw(token create --approve), @as);
  is($rc, 0, 'with it alone a client works') or diag $token;
  file("$t->{dir}/n.token", $token);
  $t->spawn('n', Sonde::program('sonde-node'), '--controller', $url, '--pin', $said, '--state', "$t->{dir}/n", '--name', 'n',
    '--token-file', "$t->{dir}/n.token", @how);
  ok($t->until(30, sub { (capture(Sonde::program('sonde'), qw(node ls -o jsonl), @as))[1] =~ /"status":"online"/ }), 'and a node comes online')
    or diag $t->log('n');

  local $ENV{XDG_CONFIG_HOME} = "$d/home";
  mkdir "$d/home";
  file("$d/word", "a word for the pins\n");
  is((capture(Sonde::program('sonde'), qw(user add pia --role admin --password-file), "$d/word", @as))[0], 0, 'a user');
  ($rc, $text) = capture(Sonde::program('sonde'), qw(login pia --password-file), "$d/word", '--url', $url, '--pin', $said);
  is($rc, 0, 'logs in with the pin') or diag $text;
  ($rc, $text) = capture(Sonde::program('sonde'), 'whoami');
  is($rc, 0, 'which the context keeps') or diag $text;
  is((capture(Sonde::program('sonde'), 'whoami', '--url', $url))[0], 0, 'for that address');
  isnt((capture(Sonde::program('sonde'), 'whoami', '--pin', $pin{good}))[0], 0, 'another one given wins');
  is((capture(Sonde::program('sonde'), qw(login pia --context file --password-file), "$d/word", '--url', $url, '--ca-file', "$d/self.crt"))[0], 0,
    'and with the certificate as a file');
  ($rc, $text) = capture('sh', '-c', 'cd / && "$@"', 'sh', Cwd::abs_path(Sonde::program('sonde')), 'whoami');
  is($rc, 0, 'which is found from anywhere') or diag $text;
};
done_testing;
