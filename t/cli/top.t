#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# `sonde top` on a real terminal, with a real controller and nodes: what it shows, keys, resizing, lost
# contact, and that the terminal is given back however it ends. Then the lines without a terminal.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Terminal;
use Test::More;

plan skip_all => 'there are no pseudo terminals here' unless -c '/dev/ptmx' && -d '/dev/pts';

my $s = Sonde->new;
open my $config, '>', "$s->{dir}/controller.yaml" or die $!;
print $config "verdicts: [verdict_quorum]\nverdict_params: '{\"verdict_quorum\":{\"regions\":2}}'\n";
close $config or die $!;
my @controller = ('--log-level', 'warn', '--config', "$s->{dir}/controller.yaml");
$s->start_controller(@controller);
$s->start_nodes(qw(eu us));
my $dead = Sonde::free_port();
my $ping = sub { $s->measure({ type => 'ping', target => $_[0] // '127.0.0.1', limit => 2,
  measurementOptions => { packets => 1 } }) };
my $tcp = sub { $s->measure({ type => 'tcp', target => '127.0.0.1', limit => 2,
  measurementOptions => { port => $_[0] } }) };
$ping->();
$tcp->($dead);

sub top {
  my ($rows, $columns, @options) = @_;
  local $ENV{SONDE_URL}   = $s->url;
  local $ENV{SONDE_TOKEN} = $s->{token};
  return Terminal->new($rows, $columns, Sonde::program('sonde'), 'top', @options);
}

sub shows {
  my ($t, $match, $name) = @_;
  ok($t->until(20, sub { $_[0]->text =~ $match }), $name) or diag $t->text;
}

sub given_back {
  my ($t, $name) = @_;
  is($t->{screen}, 'main', "$name: the other screen is left");
  ok($t->{cursor}, "$name: the cursor is there");
  is($t->modes, $t->{before}, "$name: the modes are as they were");
}

subtest 'the Now view, keys and size' => sub {
  my $t = top(24, 100);
  shows($t, qr/Nodes 2 of 2 online/, 'nodes');
  shows($t, qr/Failing 2 of 4/, 'what fails, from before it began');
  shows($t, qr/Results \d+\.\d\/s/, 'results a second');
  shows($t, qr/Events 0 open/, 'open events');
  shows($t, qr/2 of 4 pairs are not well, all of tcp 127\.0\.0\.1: it looks like the target\./, 'a sentence');
  like($t->text, qr/^ +tcp +ping *\n +127\.0\.0\.1 +127\.0\.0\.1 *$/m, 'the worst target comes first');
  like($t->text, qr/^node-eu +x refused +  \d\.\d\d ms *$/m, 'a row');
  is($t->{screen}, 'other', 'on the other screen');
  isnt($t->modes, $t->{before}, 'with keys one by one');
  ok(!$t->{cursor}, 'without a cursor');
  like(($t->lines)[23], qr/^q quit/, 'it has as many lines as the terminal');

  is($t->styled(7) =~ s/ +$//r, 'Allx refused', 'the first pair is chosen');
  like($t->text, qr/^node-eu -> tcp 127\.0\.0\.1  the target failed/m, 'and told in full');
  $t->type("\e[B\e[C");
  shows($t, qr/^node-us -> ping 127\.0\.0\.1  measured, \d/m, 'arrows choose another');
  $t->type("\eO");
  $t->type('A');
  shows($t, qr/^node-eu -> ping/m, 'also in the other spelling, and in pieces');
  $t->type('t');
  shows($t, qr/Failing 2 of 2/, 't: only TCP');
  unlike($t->text, qr/^ +tcp +ping/m, 'ping is hidden');
  $t->type('a');
  shows($t, qr/Failing 2 of 4/, 'a: all');
  $t->type('l');
  shows($t, qr/^node-eu +x refused +  0 % *$/m, 'l: loss');
  $t->type('f');
  shows($t, qr/failures only/, 'f: failures only');
  shows($t, qr/Failing 2 of 2/, 'hides what is well');
  $t->type('fl');
  shows($t, qr/^node-eu +x refused +  \d\.\d\d ms/m, 'and back');

  $t->size(10, 40);
  shows($t, qr/\A(?:.*\n){9}[^\n]*\z/, 'it follows the size of the terminal');
  is_deeply([ grep { length > 40 } $t->lines ], [], 'no line is longer than the terminal');
  $t->size(30, 120);
  shows($t, qr/\A(?:.*\n){29}[^\n]*\z/, 'and back');

  $t->type('/');
  shows($t, qr/Enter keep/, '/: a filter is typed');
  $t->type('node-us TCP');
  shows($t, qr/^\/node-us TCP_/m, 'and shown');
  shows($t, qr/Failing 1 of 1/, 'at once');
  unlike($t->text, qr/^node-eu/m, 'other nodes are hidden');
  $t->type("\r");
  shows($t, qr/^\/node-us TCP  /m, 'Enter keeps it');
  $t->type('/quiet');
  shows($t, qr/Nothing of the last hour has "node-us TCPquiet"/, 'q is a letter in it');
  $t->type("\e");
  shows($t, qr/Failing 2 of 4/, 'Esc clears it');
  $t->type('?');
  shows($t, qr/^t h p d b r +TCP, HTTP/m, '?: the keys');
  unlike($t->text, qr/^node-eu/m, 'in place of the matrix');
  open my $doc, '<', ($ENV{top_srcdir} || '.') . '/doc/cli.md' or die $!;
  my ($table) = join('', <$doc>) =~ /^## sonde top\n.*?^\| key \| \|\n\|---\|---\|\n((?:\|[^\n]*\n)+)/ms;
  my @documented = map { /`/ ? join ' ', /`([^`]+)`/g : 'arrows' } map { (split /\|/)[1] } split /\n/, $table;
  like($t->text, qr/^\Q$_\E(?: |$)/m, "$_ of the manual") for @documented;
  is(scalar(grep { /^\S+(?: \S+)* {2,}\S/ && !/^(?:sonde|q quit|Nodes|All)/ } $t->lines), scalar @documented, 'and no more');
  $t->type('?');
  shows($t, qr/^node-eu +x refused/m, 'and back');

  $s->measure({ type => 'dns', target => 'a.invalid', limit => 1, timeout => 2,
    measurementOptions => { resolver => '127.0.0.1', port => $dead } });
  shows($t, qr/Failing 3 of 5/, 'a new result comes by itself');
  $t->type('q');
  is($t->end(10), 0, 'q ends it');
  given_back($t, 'q');
};

subtest 'signals' => sub {
  for my $case ([ TERM => 130 ], [ INT => 130 ], [ HUP => 130 ]) {
    my ($signal, $code) = @$case;
    my $t = top(24, 80);
    shows($t, qr/Nodes 2 of 2/, "up before SIG$signal");
    kill $signal, $t->{pid};
    is($t->end(10), $code, "SIG$signal ends it");
    given_back($t, "SIG$signal");
  }
  my $t = top(24, 80);
  shows($t, qr/Nodes 2 of 2/, 'up before ^C');
  $t->type("\cC");
  is($t->end(10), 130, '^C ends it');
  given_back($t, '^C');
};

subtest 'nodes change' => sub {
  my $n = $s->node('node-us');
  my $t = top(24, 100);
  $s->patch("/v1/nodes/$n->{id}", { enabled => JSON::PP::false });
  shows($t, qr/Nodes 1 of 2 online, 1 disabled/, 'a change of a node comes by itself');
  $s->patch("/v1/nodes/$n->{id}", { enabled => JSON::PP::true });
  shows($t, qr/Nodes 2 of 2 online/, 'and its end');
};

subtest 'lines without a terminal' => sub {
  my ($rc, $out, $err) = $s->cli(qw(top --count 1));
  is($rc, 0, 'ends well') or diag $err;
  like($out, qr/^\S+Z  nodes 2 of 2 online, failing 3 of 5, \d+\.\d results\/s, 0 open events\. 3 of 5/, 'counters');
  like($out, qr/^  node-eu -> tcp 127\.0\.0\.1: refused: .*127\.0\.0\.1/m, 'what is not well');
  unlike($out, qr/ping 127/, 'and nothing else');
  unlike($out, qr/\e/, 'without sequences');
  ($rc, $out) = $s->cli(qw(top --count 2 --every 200ms -o jsonl --type ping));
  my @docs = map { decode_json($_) } split /\n/, $out;
  is(scalar @docs, 2, 'so many objects');
  is($docs[0]{pairs}, 2, 'of the type');
  is($docs[0]{failing}, 0, 'with its figures');
  is($docs[1]{nodes}{online}, 2, 'nodes by status');
  my $one = decode_json(($s->cli('top', '--count', 1, '-o', 'json', '--filter', 'node-us ping'))[1]);
  is($one->{pairs}, 1, '--filter: only what has these words');
  for my $case ([ ['top', '--filter', 'x' x 64], qr/--filter is longer than/ ], [ [qw(top --type pong)], qr/--type must be all/ ], [ [qw(top --every soon)], qr/--every must be/ ],
    [ [qw(top --count 0)], qr/--count must be/ ], [ [qw(top -o csv)], qr/no csv/ ]) {
    my ($code, undef, $why) = $s->cli(@{ $case->[0] });
    is($code, 2, "@{ $case->[0] } is refused");
    like($why, $case->[1], 'in a sentence');
  }
};

subtest 'schedules and an open event' => sub {
  my $add = sub { is($s->post('/v1/schedules', { name => $_[0], type => 'tcp', target => '127.0.0.1', limit => 2,
    interval => '1s', measurementOptions => { port => $_[1], count => 1 } })->{status}, 201, "schedule $_[0]") };
  $add->('web', $dead);
  $add->('api', $s->{port});
  my $t = top(30, 110);
  shows($t, qr/Events 1 open/, 'counted as soon as it is raised');
  shows($t, qr/^error  \S+Z  web is down in 2 of 2 regions/m, 'and told');
  shows($t, qr/^ +tcp(?: web)? +tcp(?: web)? +.*tcp api/m, 'schedules of one target are told apart');
  $t->type('t');
  shows($t, qr/^node-\w\w +x refused +x refused +  \d\.\d\d ms *$/m, 'each with its own results');
  my ($id) = map { $_->{id} } @{ $s->get('/v1/problems')->{json} };
  is(($s->cli('event', 'ack', $id))[0], 0, 'acknowledged');
  shows($t, qr/Events 0 open/, 'it is not open any more');
  my ($rc, $out) = $s->cli('event', 'show', $id);
  like("$rc$out", qr/^0id: $id\n.*^state: acked$/ms, 'event show tells of it');
  $t->type('q');
  is($t->end(10), 0, 'the end');
  my ($bad) = grep { $_->{schedule} } @{ decode_json(($s->cli(qw(top --count 1 -o json)))[1])->{bad} };
  is($bad->{schedule}, 'web', 'the schedule is named in JSON');
  is($bad->{target}, '127.0.0.1', 'beside the target alone');
  is(($s->cli('schedule', 'rm', $_))[0], 0, "$_ is removed") for qw(web api);
};

subtest 'lost contact' => sub {
  my $t = top(24, 110);
  shows($t, qr/Nodes 2 of 2 online.*Failing [1-9]/, 'up');
  isnt($t->styled(32), '', 'what is well is green');
  is($t->styled('30;43'), '', 'no bar');
  CORE::kill('STOP', $s->{pids}{controller});
  ok($t->until(60, sub { $_[0]->text =~ / no contact since .*says nothing/ }), 'a controller that hangs is noticed');
  CORE::kill('CONT', $s->{pids}{controller});
  ok($t->until(60, sub { $_[0]->text !~ /no contact/ }), 'and when it goes on') or diag $t->text;
  $s->kill('controller', 'KILL');
  shows($t, qr/ no contact since \d\d:\d\d:\d\dZ: .*old/, 'the loss is said');
  like($t->styled('30;43'), qr/ no contact/, 'in amber');
  is($t->styled(32), '', 'what is old is not green');
  like($t->text, qr/Nodes 2 of 2/, 'what was seen last stays');
  is(waitpid($t->{pid}, POSIX::WNOHANG()), 0, 'it goes on');
  $s->start_controller(@controller);
  ok($t->until(40, sub { $_[0]->text !~ /no contact/ }), 'contact is back') or diag $t->text;
  $s->wait_online(qw(node-eu node-us));
  $ping->('127.0.0.2');
  shows($t, qr/127\.0\.0\.2/, 'new results come again');
  $s->kill('controller', 'TERM');
  shows($t, qr/ no contact since/, 'lost again');
  $t->type('q');
  is($t->end(15), 0, 'q ends it without contact');
  given_back($t, 'lost');

  $t = top(24, 80);
  is($t->end(15), 7, 'no controller at the start: the exit code says so');
  given_back($t, 'no controller');
  like($t->text, qr/no answer from/, 'and a sentence');
};

subtest 'a wrong token' => sub {
  $s->start_controller(@controller);
  my $t = do { local $s->{token} = 'wrong'; top(24, 80) };
  is($t->end(15), 4, 'is told by the exit code');
  like($t->text, qr/^sonde: Unauthorized\. The token, .* is not good\./, 'and a sentence');
};
done_testing;
