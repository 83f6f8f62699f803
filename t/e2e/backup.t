#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Backups: taken over the API while results come in, put back, and nothing is lost or counted twice;
# wrong files and a running controller are refused and change nothing.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib", "$FindBin::Bin/../delivery";
use Delivery;
use Digest::SHA;
use File::Temp qw(tempdir);
use JSON::PP;
use Sonde;
use Test::More;
use Time::HiRes qw(sleep);

my $bld = $ENV{top_builddir} || '.';
my $dir = tempdir(CLEANUP => 1);

sub slurp { open my $f, '<:raw', $_[0] or die "$_[0]: $!"; local $/; return scalar <$f> }
sub spew { my ($path, $bytes) = @_; open my $f, '>:raw', $path or die "$path: $!"; print $f $bytes; close $f or die $! }
sub sum_of { return join ' ', map { m{([^/]+)$}; "$1=" . Digest::SHA::sha1_hex(slurp($_)) } sort glob "$_[0]/*.mdb" }
sub restore { my ($s, @args) = @_; return $s->cli('restore', @args) }

subtest 'while 200 measurements run' => sub {
  my $s = Sonde->new;
  $s->start_controller;
  $s->start_nodes(qw(eu us));
  my $batch = sub {
    my ($packets) = @_;
    return map { $_->{id} } @{ $s->post('/v1/measurements', [ map { { type => 'ping', target => '127.0.0.1',
      limit => 2, locations => [ { magic => 'europe' } ], measurementOptions => { packets => $packets } } } 1 .. 50 ])
      ->{json} };
  };
  # The last ones take eight seconds, longer than a backup.
  my @ids = map { $batch->($_) } 2, 2, 2, 16;
  is(scalar @ids, 200, '200 measurements');
  $s->post('/v1/schedules', { name => 'every', type => 'echo', target => 'x', interval => '1s',
    locations => [ { magic => 'europe' } ], limit => 2 });
  my ($rc, $out, $err) = $s->cli('backup', "$dir/one");
  is($rc, 0, 'sonde backup') or diag $err;
  is((stat "$dir/one")[2] & 0777, 0600, 'for its owner only');
  ok(!-e "$dir/one.part", 'nothing half written is left');
  ok((grep { $s->get("/v1/measurements/$_")->{json}{status} eq 'in-progress' } @ids) > 0,
    'they were not over by then');
  ($rc, $out, $err) = $s->cli('backup', "$dir/one");
  isnt($rc, 0, 'a file that is there is not replaced');
  $s->finished($_) for @ids;
  my $late = $s->measure({ type => 'echo', target => 'after the backup' });
  my $before = $s->get('/v1/results?limit=1000')->{json};

  ($rc, $out, $err) = restore($s, "$dir/one", '--state', "$s->{dir}/controller");
  isnt($rc, 0, 'a running controller is refused');
  like($err, qr/in use by a controller; stop it first/, 'and says so');
  $s->kill('controller', 'TERM');
  ($rc, $out, $err) = restore($s, "$dir/one", '--state', "$s->{dir}/controller");
  is($rc, 0, 'sonde restore') or diag $err;
  like($out, qr/is as it was at \d{4}-/, 'says what it did');
  my ($aside) = $out =~ m{what was there before is in (\S+)};
  ok(-s "$aside/state.mdb", 'and kept what was there');

  $s->start_controller;
  $s->wait_online(qw(node-eu node-us));
  for my $id (@ids) {
    my $m = $s->finished($id, 120);
    is($m->{status}, 'finished', 'finished after all') or last;
    my @bad = grep { $_->{result}{status} ne 'finished' && ($_->{result}{failure} || '') !~ /^(?:node_lost|crashed|internal)$/ }
      @{ $m->{results} };
    ok(!@bad && @{ $m->{results} } == 2, 'with its two results') or diag(encode_json($m)), last;
  }
  is($s->get("/v1/measurements/$late->{id}")->{status}, 404, 'what came after the backup is not there');
  my $r = $s->measure({ type => 'echo', target => 'again' });
  my (@rows, %seen, $next);
  for ($next = 1;;) {
    my $page = $s->get("/v1/results?limit=1000&cursor=$next")->{json};
    push @rows, @{ $page->{results} };
    $next = $page->{next};
    last if !$page->{more};
  }
  my @twice = grep { $_->{measurement} && !$_->{late} && $seen{"$_->{measurement} $_->{task}"}++ } @rows;
  ok(!@twice, 'no result counts twice') or diag explain $twice[0];
  my $again = (grep { ($_->{measurement} // '') eq $r->{id} } @rows)[0];
  cmp_ok($again->{ingest}, '>', $before->{next}, 'a reader whose cursor is ahead of the backup misses nothing');
  cmp_ok($again->{ingest}, '>', 1e12, 'numbers went on far above');
  ok($s->until(30, sub { my $x = $s->get('/v1/schedules/every')->{json}; $x && $x->{received} > 0 }),
    'the schedule goes on');
  my $stats = $s->get('/v1/stats')->{json};
  ok($s->until(30, sub { $s->get('/v1/stats')->{json}{rollups}{behind} == 0 }), 'rollups are up to date');
};

subtest 'under a flood, and back' => sub {
  my $d = Delivery->new(nodes => 4, rate => 300);
  my $s = $d->{sonde};
  $s->start_controller;
  $d->start_fleet;
  my $stored = sub { ($s->get('/metrics')->{content} =~ /^sonde_results_stored_total (\d+)/m)[0] // 0 };
  ok($s->until(30, sub { $stored->() > 300 }), 'results come in');
  my ($rc, $out, $err) = $s->cli('backup', "$dir/flood");
  is($rc, 0, 'a backup') or diag $err;
  my $then = $stored->();
  ok($s->until(30, sub { $stored->() > $then + 500 }), 'and more come in');
  $s->kill('controller', 'TERM');
  ($rc, $out, $err) = restore($s, "$dir/flood", '--state', "$s->{dir}/controller");
  is($rc, 0, 'put back') or diag $err;
  $s->start_controller;
  ok($d->drain(120), 'drained');
  my @wrong = $d->check(exact => 1);
  is_deeply(\@wrong, [], 'all that was made is stored, once');
};

subtest 'what is refused' => sub {
  my $s = Sonde->new;
  my $state = "$dir/state";
  my $good = slurp("$dir/one");
  my ($rc, $out, $err) = restore($s, "$dir/one", '--state', $state);
  is($rc, 0, 'into a new directory') or diag $err;
  unlike($out, qr/before/, 'where nothing was');
  my $sum = sum_of($state);
  my %wrong = (cut => substr($good, 0, length($good) - 1), half => substr($good, 0, length($good) / 2),
    longer => $good . 'x', empty => '', other => 'sonde: ' x 99, 'a bit off' => $good, 'another format' => $good);
  substr($wrong{'a bit off'}, length($good) / 3, 1) ^= "\x10";
  substr($wrong{'another format'}, 24, 1) = "\x63";
  for my $what (sort keys %wrong) {
    spew("$dir/wrong", $wrong{$what});
    ($rc, $out, $err) = restore($s, "$dir/wrong", '--state', $state);
    is($rc, 1, "$what: refused");
    like($err, qr/\Q$dir\E\/wrong: .*not a backup|damaged|another version|does not know/, "$what: and says why");
  }
  is(sum_of($state), $sum, 'nothing changed');
  ok(!-e "$state/restoring", 'nothing is left');
  my $chance = 0;
  for (1 .. 60) {
    my $bytes = $good;
    substr($bytes, int rand length $bytes, 1) ^= chr(1 << int rand 8);
    spew("$dir/wrong", $bytes);
    $chance++ if (restore($s, "$dir/wrong", '--state', $state))[0] != 1;
  }
  is($chance, 0, 'of sixty changed bits none passes');
  is(sum_of($state), $sum, 'and still nothing changed');
  ($rc, $out, $err) = restore($s, "$dir/none", '--state', $state);
  is($rc, 1, 'no file') or diag $err;
  mkdir "$state/restoring" or die $!;
  $s->{dir2} = $state;
  open my $p, '-|', "$bld/sonde-controller --state $state --listen 127.0.0.1:" . Sonde::free_port() . ' 2>&1' or die $!;
  my $said = do { local $/; <$p> };
  close $p;
  isnt($?, 0, 'a store whose restore was cut short is not opened');
  like($said, qr/restore was cut short/, 'and says so');
  ($rc, $out, $err) = restore($s, "$dir/one", '--state', $state);
  is($rc, 0, 'restoring again mends it') or diag $err;
  is((restore($s))[0], 2, 'usage');
};

subtest 'without a controller, and who may' => sub {
  my $s = Sonde->new;
  system("$bld/sonde-controller backup $dir/direct --state $dir/state 2>/dev/null");
  is($?, 0, 'sonde-controller backup, of a store that nobody uses');
  cmp_ok(-s "$dir/direct", '>', 1000, 'a file');
  system("$bld/sonde-controller backup $dir/direct --state $dir/state 2>/dev/null");
  isnt($?, 0, 'not over a file that is there');
  system("$bld/sonde-controller backup $dir/nothing --state $dir/empty 2>/dev/null");
  isnt($?, 0, 'not of a directory without a store');
  ok(!-e "$dir/nothing", 'and no file is left');
  $s->start_controller;
  is($s->post('/v1/backup', undef, token => undef)->{status}, 401, 'nobody else');
  my $r = $s->post('/v1/backup');
  is($r->{status}, 200, 'the API itself');
  is($r->{headers}{'content-type'}, 'application/octet-stream', 'as bytes');
  like($r->{headers}{'content-disposition'}, qr/filename="sonde-\d{8}T\d{6}Z\.backup"/, 'with a name');
  like($r->{content}, qr/\Asonde backup 1\n/, 'that say what they are');
  ok(!glob("$s->{dir}/controller/.backup*"), 'nothing is left on the server');
};
done_testing;
