#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Names of hops in a real runner, with a name server of the test's own on loopback: what it says is
# shown, asked for once, and never trusted. No root, no other program: traces by UDP to loopback.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin";
use IO::Socket::IP;
use POSIX ();
use RunnerDriver;
use Test::More;

my $self = $$;
my @pids;
END { if ($$ == $self) { local $?; kill 'TERM', @pids; waitpid $_, 0 for @pids } }

sub encoded { return join('', map { pack('C/a', $_) } split /\./, $_[0]) . "\0" }

# What the server answers to the address whose last byte is the key; nobody else has a name.
my %ANSWER = (
  9  => encoded('router.example'),
  10 => pack('C/a', "evil\e[31m") . encoded('example'),
  11 => pack('C/a', 'a b') . "\0",
  12 => pack('C/a', 'dot.in') . encoded('example'),
  13 => "\xc0\x0c",            # the question itself
  14 => "\xc0\x40\xc0\x40",    # beyond the message
  15 => encoded(join '.', ('x' x 60) x 4),
  18 => "\0",
  19 => encoded('under_score.example'),
);

# Every question is a line in the pipe: its last byte. 16 is never answered, 17 has no name.
my $server = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Proto => 'udp') or die "udp: $!";
pipe my $asked, my $tell or die "pipe: $!";
my $pid = fork() // die "fork: $!";
if (!$pid) {
  close $asked;
  alarm 300;
  while (my $from = $server->recv(my $query, 4096)) {
    my ($len) = unpack 'x12 C', $query;
    my $last = substr $query, 13, $len;
    syswrite $tell, "$last\n";
    next if $last == 16;
    my $question = substr $query, 12;
    my $name = $ANSWER{$last};
    my $head = pack 'n6', unpack('n', $query), defined $name ? 0x8180 : 0x8183, 1, defined $name ? 1 : 0, 0, 0;
    my $row = defined $name ? pack('n n n N n/a*', 0xc00c, 12, 1, 60, $name) : '';
    $server->send($head . $question . $row, 0, $from);
  }
  POSIX::_exit(0);
}
push @pids, $pid;
close $tell;

my $runner = RunnerDriver->new(plugins => RunnerDriver::plugin_dirs(qw(traceroute mtr)),
  args => ['--guard-allow', '127.0.0.0/8', '--resolver', '127.0.0.1:' . $server->sockport]);

sub trace {
  my ($last, %options) = @_;
  my $o = $runner->run('traceroute', "127.0.0.$last", options => { protocol => 'UDP', %options },
    timeoutMs => 30_000);
  is($o->{failure} // '', '', "127.0.0.$last: traced") or diag($o->{why});
  is($o->{body}{hops}[0]{resolvedAddress}, "127.0.0.$last", 'its address');
  return ($o->{body}{hops}[0]{resolvedHostname}, $o->{body}{rawOutput});
}

# On a busy machine the server may be late once.
sub named {
  my ($last) = @_;
  for (1 .. 20) {
    my @found = trace($last);
    return @found if defined $found[0];
  }
  return;
}

my ($name, $raw) = named(9);
is($name, 'router.example', 'a name');
like($raw, qr/^ 1  router\.example \(127\.0\.0\.9\)  \d/m, 'in the text as the classic tool writes it');
is((trace(9))[0], 'router.example', 'and again') for 1 .. 10;
is((named(19))[0], 'under_score.example', 'an underscore is a letter of names');

my %what = (10 => 'escape sequences', 11 => 'a space', 12 => 'a dot inside a label',
  14 => 'a broken message', 15 => 'a name close to the longest', 16 => 'a silent server',
  17 => 'no such name', 18 => 'the root');
for my $last (sort keys %what) {
  my ($got, $text) = $last == 15 ? named($last) : trace($last);
  my $want = $last == 15 ? join('.', ('x' x 60) x 4) : undef;
  is($got, $want, $what{$last});
  like($text, qr/^ 1  127\.0\.0\.$last \(127\.0\.0\.$last\)  \d/m, 'the address twice') if !$want;
  unlike($text, qr/[^\x20-\x7e\n]/, 'no control bytes');
}
is((named(13))[0], '13.0.0.127.in-addr.arpa', 'a name that points at itself');

is((trace(20, names => JSON::PP::false))[0], undef, 'no name unless wanted');
trace(17) for 1 .. 10;
my $o = $runner->run('mtr', '127.0.0.9', options => { protocol => 'UDP', packets => 1 });
is($o->{body}{hops}[0]{resolvedHostname}, 'router.example', 'mtr, too');
like($o->{body}{rawOutput}, qr/^  1\.\|-- router\.example \(127\.0\.0\.9\) /m, 'in its text');

# Many at once, of one address: one question.
my @numbers = $runner->tasks(map { ['traceroute', '127.0.0.21', options => { protocol => 'UDP' }] } 1 .. 20);
my $all = $runner->outcomes(@numbers);
is(scalar(grep { $_->{failure} } values %$all), 0, 'twenty at once');
is($runner->quit, 0, 'the runner ends well');
kill 'TERM', $pid;
my %asked;
$asked{ $_ + 0 }++ while <$asked>;
# The resolver asks three times when it hears nothing.
cmp_ok($asked{$_}, '<=', 3, "127.0.0.$_ is asked for once by many") for 9, 17, 21;
is($asked{20}, undef, 'what is not wanted is not asked');
done_testing;
