#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A schedule with a secret: only trusted nodes have it, and only in memory; nothing shows it; it stays when
# something else changes and cannot be sent to another place; after a start of the node or the controller
# the runs go on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use IO::Socket::INET;
use JSON::PP;
use MIME::Base64;
use POSIX ();
use Sonde;
use Test::More;

my ($T, $F) = (JSON::PP::true, JSON::PP::false);
my $word = 'open sesame of a schedule';
my $login = encode_base64("ali:$word", '');

# A page for who knows the word.
my $listen = IO::Socket::INET->new(Listen => 64, LocalAddr => '127.0.0.1') or die $!;
my $web = fork() // die $!;
if (!$web) {
  $SIG{PIPE} = 'IGNORE';
  while (my $c = $listen->accept) {
    my $head = '';
    while (defined(my $line = <$c>)) { last if $line !~ /\S/; $head .= $line }
    my $status = $head =~ /^Authorization: Basic \Q$login\E\r$/m ? '200 OK' : '401 Unauthorized';
    print $c "HTTP/1.1 $status\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    close $c;
  }
  POSIX::_exit(0);
}
END { kill 'KILL', $web if $web }
my $port = $listen->sockport;

my $s = Sonde->new;
$s->start_controller;
$s->start_node($_) for qw(friend stranger);
$s->wait_online(qw(friend stranger));
is($s->patch('/v1/nodes/friend', { trusted => $T })->{status}, 200, 'one node is trusted');
my %spec = (name => 'page', type => 'http', target => '127.0.0.1', interval => '1s', limit => 2, grace => '1s');
my $options = { protocol => 'HTTP', port => $port, request => { user => 'ali', password => $word } };

sub schedule { return $s->get('/v1/schedules/page')->{json} }
sub members { return map { $_->{name} } grep { $_->{role} ne 'former' } @{ schedule()->{members} } }
# The status codes of results after a point, and the next point.
my $from = 0;
sub codes {
  my $r = $s->get("/v1/results?type=http&limit=1000&after=$from")->{json};
  $from = $r->{next};
  return map { $_->{result}{statusCode} // $_->{result}{status} } @{ $r->{results} };
}
sub knows { my @c = codes(); return @c && $c[-1] eq '200' }
sub files_with {
  my @found;
  for my $file (glob "$s->{dir}/*.log $s->{dir}/{controller,friend,stranger}/* $s->{dir}/controller/*/* $s->{dir}/friend/*/*") {
    open my $f, '<:raw', $file or next;
    local $/;
    push @found, $file if (<$f> // '') =~ /\Q$word\E|\Q$login\E/;
  }
  return @found;
}

my $r = $s->post('/v1/schedules', { %spec, measurementOptions => $options });
is($r->{status}, 201, 'a schedule with a password') or BAIL_OUT($r->{content});
unlike($r->{content}, qr/\Q$word\E|sealed/, 'the answer does not hold it');
is_deeply($r->{json}{secrets}, ['request.password'], 'and says that there is one');
is($r->{json}{measurementOptions}{request}{user}, 'ali', 'what is no secret is shown');
ok($s->until(30, \&knows), 'the page lets its runs in');
is_deeply([ members() ], ['friend'], 'the one trusted node runs it, though two are wanted');
is_deeply([ files_with() ], [], 'no file holds the word');

# ---- changes
is($s->patch('/v1/schedules/page', { interval => '2s' })->{status}, 200, 'another interval');
codes();
ok($s->until(30, \&knows), 'and the word is still known');
my $revision = schedule()->{revision};
is($s->patch('/v1/schedules/page', { measurementOptions => $options })->{json}{revision}, $revision, 'the same word again is no change');
for my $other ({ target => 'localhost' }, { measurementOptions => { %$options, port => $port + 1, request => { user => 'ali' } } }) {
  $r = $s->patch('/v1/schedules/page', $other);
  is($r->{status}, 400, 'it is not sent elsewhere');
  like($r->{content}, qr/must give its secrets again/, 'which the answer says');
}
is($s->patch('/v1/schedules/page', { sealed => 'x' })->{status}, 400, 'the sealed member is not for users');
$r = $s->patch('/v1/schedules/page', { nodes => ['stranger'], limit => undef });
is($r->{status}, 400, 'nor for a node without trust') or diag $r->{content};
$r = $s->post('/v1/schedules', { name => 'mesh', type => 'http', targets => 'nodes', interval => '9s', measurementOptions => $options });
is($r->{status}, 400, 'a mesh has no secrets') or diag $r->{content};
$r = $s->post('/v1/schedules/page/run', {});
is($r->{status}, 202, 'it is run now') or diag $r->{content};
is($s->finished($r->{json}{id})->{results}[0]{result}{statusCode}, 200, 'with its word');

# ---- starts
$s->kill('friend', 'KILL');
is_deeply([ files_with() ], [], 'a killed node leaves it in no file');
$s->kill('controller', 'TERM');
$s->start_node('friend');
$s->start_controller;
$s->wait_online('friend');
codes();
ok($s->until(60, \&knows), 'after both were started anew the word is known again');
my @all = codes();
$from = 0;
is_deeply([ grep { $_ ne '200' } codes() ], [], 'no run ever went without it');
is_deeply([ files_with() ], [], 'and no file holds it');

# ---- trust
is($s->patch('/v1/nodes/friend', { trusted => $F })->{status}, 200, 'trust ends');
ok($s->until(30, sub { !members() }), 'and the node is no member any more');
ok($s->until(30, sub { !grep { !$_->{synced} } grep { $_->{role} ne 'former' } @{ schedule()->{members} } }), 'it was told');
is($s->patch('/v1/nodes/stranger', { trusted => $T })->{status}, 200, 'another one is trusted');
ok($s->until(60, sub { join(' ', members()) eq 'stranger' }), 'and takes over');
codes();
ok($s->until(60, \&knows), 'with the word');
is($s->patch('/v1/schedules/page', { limit => undef, nodes => [ 'stranger' ] })->{status}, 200, 'nodes by name');
is($s->patch('/v1/nodes/stranger', { trusted => $F })->{status}, 200, 'one of which is not trusted any more');
ok($s->until(30, sub { !members() }), 'does not run it');
is($s->patch('/v1/nodes/stranger', { trusted => $T })->{status}, 200, 'trusted again');
ok($s->until(30, sub { join(' ', members()) eq 'stranger' }), 'it does');

# ---- away with it
is($s->patch('/v1/schedules/page', { measurementOptions => { %$options, request => { user => 'ali', password => '' } } })->{status}, 200,
  'an empty word takes it away');
is(schedule()->{secrets}, undef, 'there is none now');
codes();
ok($s->until(60, sub { my @c = codes(); return @c && $c[-1] eq '401' }), 'and the page says so');

# ---- the client
open my $f, '>', "$s->{dir}/word" or die $!;
print $f "$word\n";
close $f;
my ($rc, $out, $err) = $s->cli('schedule', 'add', 'typed', 'http', '127.0.0.1', '-i', '1s', '--node', 'stranger', '-O', 'protocol=HTTP', '-O', "port=$port",
  '-O', 'request.user=ali', '-O', "request.password=\@$s->{dir}/word");
is($rc, 0, 'the client makes one') or diag $err;
codes();
ok($s->until(60, sub { grep { $_ eq '200' } codes() }), 'which is let in');
($rc, $out) = $s->cli('schedule', 'show', 'typed');
like($out, qr/^secrets: .*request\.password/m, 'and shows that it has a secret');
unlike($out, qr/\Q$word\E/, 'but not which');

# ---- a file
sub apply {
  my ($text, @more) = @_;
  open my $f, '>', "$s->{dir}/all.yaml" or die $!;
  print $f "schedules:\n  - name: filed\n    type: http\n    target: 127.0.0.1\n    interval: 1h\n    nodes: [stranger]\n" .
    "    measurementOptions: { protocol: HTTP, port: $port, request: { user: ali, password: $text } }\n";
  close $f;
  my ($rc, $out, $err) = $s->cli('apply', '-f', "$s->{dir}/all.yaml", @more);
  is($rc, 0, "apply @more") or diag $err;
  unlike($out, qr/\Q$text\E/, 'does not show the word');
  return $out;
}
like(apply($word), qr/^\+ filed\n.*^1 to change/ms, 'a file makes one');
like(apply($word), qr/^0 to change, 1 as/m, 'the same file changes nothing');
like(apply('another word', '--dry-run'), qr/secrets: given, perhaps the same$/m, 'which only the controller knows');
like(apply('another word'), qr/^~ filed\n    secrets: given anew\n1 to change/m, 'another word is a change');

# ---- what is kept
sub sealed_in_store {
  my ($name) = @_;
  ($rc, $out, $err) = $s->cli('backup', "$s->{dir}/$name");
  is($rc, 0, "a backup: $name") or diag $err;
  open my $f, '<:raw', "$s->{dir}/$name" or die $!;
  my $bytes = do { local $/; <$f> };
  my %texts;
  $texts{$1}++ while $bytes =~ /"revision":\d+,[^\0]+?"sealed":"([^"]+)"/g;
  return [ sort { $a <=> $b } values %texts ];
}
is_deeply(sealed_in_store('two'), [ 1, 1 ], 'each secret is there once, of no earlier revision');
is($s->delete('/v1/schedules/filed')->{status}, 204, 'a schedule is removed');
is_deeply(sealed_in_store('one'), [1], 'and its secret with it');

# ---- another key
$s->kill('controller', 'TERM');
rename "$s->{dir}/controller/secret", "$s->{dir}/secret.kept" or die $!;
$s->start_controller;
like($s->get('/v1/schedules/typed')->{json}{problem}, qr/another secret\.file/, 'without the key a schedule says what it lacks');
done_testing;
