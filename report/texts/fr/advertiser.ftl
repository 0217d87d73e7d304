## advertiser

