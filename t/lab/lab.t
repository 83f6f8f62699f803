#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# The lab comes up, looks like its table, and goes without a rest.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use House qw(capture);
use Test::More;

my $id = "t$$";
$ENV{SONDE_LAB} = $id;
my $lab = "$FindBin::Bin/lab";

sub lab { return capture($lab, @_) }
sub left_over {
  my ($rc, $text) = capture('ip', 'netns', 'list');
  return (grep({ /sonde-\Q$id\E-/ } split /\n/, $text), glob("/etc/netns/sonde-$id-*"),
    grep { -e } "/run/sonde-lab-$id");
}

for my $need (qw(ping curl getent)) {
  plan skip_all => "needs the program $need" if (capture('sh', '-c', "command -v $need"))[0];
}
my ($rc, $text) = lab('up', 'us-ap=5,2,50');
plan skip_all => $text =~ s/\s+/ /gr if $rc == 77;
my $me = $$;
END { capture($lab, 'down') if defined $me && $$ == $me && left_over() }
if (!is($rc, 0, 'up')) {
  diag($text);
  done_testing;
  exit 1;
}

# Smallest of a few round trips: never under what the delay line holds back, and only loosely
# bounded above, because the machine may be busy.
for my $case (['us', '10.77.2.2', 80], ['ap', '10.77.3.2', 130], ['us by IPv6', 'fd77:2::2', 80]) {
  my ($where, $address, $rtt) = @$case;
  my ($code, $out) = lab('exec', 'eu', 'ping', '-n', '-q', '-c', 5, '-i', 0.2, $address);
  my ($min) = $out =~ m{= ([\d.]+)/};
  ok(defined $min && $min >= $rtt && $min < $rtt + 100, "eu to $where takes about $rtt ms")
    or diag($out);
}

my @hops = map { (lab('exec', 'eu', 'ping', '-n', '-c', 1, '-W', 2, '-t', $_, '10.77.2.2'))[1] } 1 .. 3;
like($hops[0], qr/From 10\.77\.1\.1 .*Time to live exceeded/, 'the first hop is the router of eu');
like($hops[1], qr/From 10\.77\.101\.2 .*Time to live exceeded/, 'the second is the router of us');
like($hops[2], qr/64 bytes from 10\.77\.2\.2/, 'behind them is us');

(undef, my $loss) = lab('exec', 'us', 'ping', '-n', '-q', '-c', 60, '-i', 0.01, '-W', 1, '10.77.3.2');
my ($got) = $loss =~ /(\d+) received/;
ok($got && $got < 60, 'a link with loss loses some, not all') or diag($loss);

(undef, my $dark) = lab('exec', 'ap', 'ping', '-n', '-c', 1, '-W', 1, '10.77.5.20');
like($dark, qr/1 packets transmitted, 0 received, 100% packet loss/, 'the dark target is silent');
(undef, my $reject) = lab('exec', 'ap', 'ping', '-n', '-c', 1, '-W', 1, '10.77.5.30');
like($reject, qr/Packet filtered/, 'the rejecting target says so');

(undef, my $host) = lab('exec', 'us', 'getent', 'ahostsv4', 'alias.lab.test');
like($host, qr/^10\.77\.4\.2 /, 'the DNS server answers');
($rc) = lab('exec', 'us', 'getent', 'ahostsv4', 'nobody.lab.test');
isnt($rc, 0, 'and knows no other name');

my @curl = ('exec', 'us', 'curl', '-sS', '--noproxy', '*', '--max-time', 10);
is((lab(@curl, 'http://www.lab.test/'))[1], "sonde lab\n", 'the web server answers');
is((lab(@curl, '--cacert', "/run/sonde-lab-$id/web.crt", 'https://www.lab.test/'))[1], "sonde lab\n",
  'and speaks TLS');

my ($again) = lab('up');
isnt($again, 0, 'a lab that is up is not made twice');
is((lab('status'))[0], 0, 'and stays up');

is((lab('down'))[0], 0, 'down');
is_deeply([left_over()], [], 'nothing is left');
isnt((lab('status'))[0], 0, 'status says that it is down');
is((lab('down'))[0], 0, 'down of nothing is fine');

{
  local $ENV{SONDE_LAB_DELAYLINE} = '/bin/false';
  ($rc, $text) = lab('up');
  isnt($rc, 0, 'a delay line that fails fails the lab');
  like($text, qr/line-\S+ (ended|did not start)/, 'with a reason');
  is_deeply([left_over()], [], 'and what was made is removed');
}
isnt((lab('up', 'eu-us=fast'))[0], 0, 'a bad delay is refused');
isnt((lab('up', 'eu-mars=5'))[0], 0, 'an unknown link is refused');
is_deeply([left_over()], [], 'without making anything');
done_testing;
