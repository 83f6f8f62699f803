#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# What the tier of its owner keeps no longer is shown to nobody from that moment on, not only when it is
# deleted; what others measured stays. The controller's clock is set forward by two days, which needs a
# build with --enable-faults.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use JSON::PP;
use Sonde;
use Test::More;

plan skip_all => 'not built with --enable-faults' unless $ENV{SONDE_FAULTS};
my $s = Sonde->new;
my $clock = "$s->{dir}/clock";
sub set_clock {
  open my $f, -e $clock ? '+<' : '>', $clock or die $!;
  syswrite $f, pack 'q', $_[0];
  close $f;
}
set_clock(0);
{ local $ENV{SONDE_CLOCK_FILE} = $clock; $s->start_controller }
$s->start_nodes('eu');

is($s->put('/v1/tiers/brief', { perHour => 100, nodes => 5, concurrent => 9, retain => 1 })->{status}, 200, 'a tier of one day');
is($s->put('/v1/tiers/week', { perHour => 100, nodes => 5, concurrent => 9, retain => 7 })->{status}, 200, 'and one of a week');
my %token;
for my $who (qw(brief week)) {
  my %login = (name => "user-$who", password => "secret of $who");
  $s->post('/v1/users', { %login, role => 'user', tier => $who });
  $token{$who} = $s->post('/v1/auth/login', \%login, token => undef)->{json}{token};
}
$token{admin} = $s->{token};
my %id;
for my $who (sort keys %token) {
  my $r = $s->post('/v1/measurements', { type => 'echo', target => "of-$who" }, token => $token{$who});
  is($r->{status}, 202, "one of $who") or diag $r->{content};
  $s->finished($id{$who} = $r->{json}{id});
}
is($s->post('/v1/schedules', { name => 'runs', type => 'echo', target => 'of-runs', interval => '1s' })->{status}, 201, 'runs');

# Names of whom it knows something of, over each way to look.
sub named { my ($text) = @_; return join ' ', grep { $text =~ /of-$_\b/ } sort keys %token }
my %ways = (
  measurements => sub { $s->get('/v1/measurements?limit=1000')->{content} },
  results => sub { $s->get('/v1/results?limit=1000')->{content} },
  export => sub { $s->get('/v1/export')->{content} },
  csv => sub { $s->get('/v1/export?format=csv')->{content} },
);
is(named($ways{$_}->()), 'admin brief week', "all of it at first: $_") for sort keys %ways;
my %direct = (
  'the measurement' => sub { $s->get("/v1/measurements/$id{$_[0]}") },
  'its explanation' => sub { $s->get("/v1/measurements/$id{$_[0]}/explain") },
  'once more' => sub { $s->post("/v1/measurements/$id{$_[0]}/rerun", {}) },
  'its nodes' => sub { $s->post('/v1/measurements', { type => 'echo', target => 'other', locations => $id{$_[0]} }) },
);
# Not once more: that one would be the administrator's, and stay.
like($direct{$_}->('brief')->{status}, qr/^20/, "$_: there at first") for grep { $_ ne 'once more' } sort keys %direct;
sub results_of { return scalar @{ $s->get("/v1/results?measurement=$id{$_[0]}")->{json}{results} } }
is(results_of('brief'), 1, 'its result, too');

set_clock(2 * 86_400_000);
ok($s->until(20, sub { $s->get("/v1/measurements/$id{brief}")->{status} == 404 }), 'after its day it is not found');
is($direct{$_}->('brief')->{status}, $_ eq 'its nodes' ? 422 : 404, "$_: gone") for sort keys %direct;
is(results_of('brief'), 0, 'its result is not shown');
is(named($ways{$_}->()), 'admin week', "of others all: $_") for sort keys %ways;
is($direct{$_}->('week')->{status} =~ /^20/, 1, "$_ of another tier: there") for 'the measurement', 'its explanation';
is(results_of('week'), 1, 'with its result');

# A wider tier brings back what is not deleted yet: nothing was lost by looking.
is($s->put('/v1/tiers/brief', { perHour => 100, nodes => 5, concurrent => 9, retain => 30 })->{status}, 200, 'a wider tier');
is($s->get("/v1/measurements/$id{brief}")->{status} . results_of('brief'), '2001', 'and it is there again');
done_testing;
