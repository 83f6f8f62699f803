#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The unmodified npm package `globalping` against this controller: its requests to api.globalping.io are
# sent here, and nothing else is changed.
use strict;
use warnings;
use Cwd qw(abs_path);
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(srcdir);
use IO::Socket::INET;
use JSON::PP;
use Peers qw(name_server);
use POSIX ();
use Sonde;
use Test::More;

my $package = srcdir() . '/web/node_modules/globalping';
plan skip_all => 'no node here' if system('node --version >/dev/null 2>&1');
plan skip_all => 'the packages of web/ are not installed' if !-f "$package/package.json";

my $s = Sonde->new;
$s->start_controller('--anonymous');
my %place = (paris => [ 'FR', 'Paris' ], tokyo => [ 'JP', 'Tokyo' ]);
$s->start_node($_, flags => { country => $place{$_}[0], city => $place{$_}[1], region => undef,
  continent => undef }) for sort keys %place;
$s->wait_online(sort keys %place);

my $web = IO::Socket::INET->new(Listen => 8, LocalAddr => '127.0.0.1') or die $!;
my $server = fork() // die "fork: $!";
if (!$server) {
  $SIG{PIPE} = 'IGNORE';
  while (my $c = $web->accept) {
    while (defined(my $line = <$c>)) { last if $line !~ /\S/ }
    print $c "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    close $c;
  }
  POSIX::_exit(0);
}
END { kill 'KILL', $server if $server }

$s->put('/v1/tiers/tiny', { perHour => 1, nodes => 9, concurrent => 9 });
sub user {
  my ($name, %o) = @_;
  my %login = (name => $name, password => "secret of $name");
  $s->post('/v1/users', { %login, role => 'user', %o });
  return $s->post('/v1/auth/login', \%login, token => undef)->{json}{token};
}
my $have = encode_json({ token => user('anna'), poor => user('ben', tier => 'tiny'), nodes => 2,
  http => $web->sockport, dns => name_server('www.example.com' => ['192.0.2.80']) });

local $ENV{SONDE_URL} = $s->url;
open my $out, '-|', 'node', '--import', abs_path("$FindBin::Bin/globalping_redirect.mjs"),
  "$FindBin::Bin/globalping_client.mjs", abs_path($package), $have or die "node: $!";
my $ended = '';
while (defined(my $line = <$out>)) {
  chomp $line;
  if ($line =~ /^(not )?ok - (.*)/) { ok(!$1, $2) }
  else { diag $line if $line ne 'done'; $ended = $line }
}
close $out;
is($?, 0, 'the program ends well');
is($ended, 'done', 'and came to its end');
done_testing;
