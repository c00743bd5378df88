# What a team's KMS module looks like: every resource of the provider for keys but the custom key store, and the data sources.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

variable "revision" {
  type    = string
  default = "one"
}

# Endpoint and credentials come from the environment, as every AWS client finds them.
provider "aws" {
  region                  = "us-east-1"
  skip_metadata_api_check = true
  default_tags {
    tags = { managed = "terraform", revision = var.revision }
  }
}

provider "aws" {
  alias                   = "there"
  region                  = "eu-west-1"
  skip_metadata_api_check = true
}

data "aws_caller_identity" "me" {}

resource "aws_iam_user" "app" {
  name = "tf-kms-app"
}

resource "aws_kms_key" "app" {
  description             = "of the app, revision ${var.revision}"
  enable_key_rotation     = true
  rotation_period_in_days = 180
  deletion_window_in_days = 7
}

resource "aws_kms_alias" "app" {
  name          = "alias/tf-app"
  target_key_id = aws_kms_key.app.key_id
}

resource "aws_kms_key_policy" "app" {
  key_id = aws_kms_key.app.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Account", Effect = "Allow", Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }, Action = "kms:*", Resource = "*" },
      { Sid = "App", Effect = "Allow", Principal = { AWS = aws_iam_user.app.arn }, Action = ["kms:Encrypt", "kms:DescribeKey"], Resource = "*" },
    ]
  })
}

resource "aws_kms_grant" "app" {
  name              = "app"
  key_id            = aws_kms_key.app.key_id
  grantee_principal = aws_iam_user.app.arn
  operations        = ["Decrypt", "GenerateDataKey"]
  constraints {
    encryption_context_equals = { app = "web" }
  }
}

resource "aws_kms_key" "signing" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 7
}

resource "aws_kms_external_key" "brought" {
  description             = "brought along"
  key_material_base64     = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
  enabled                 = true
  deletion_window_in_days = 7
}

resource "aws_kms_key" "everywhere" {
  multi_region            = true
  deletion_window_in_days = 7
}

resource "aws_kms_replica_key" "there" {
  provider                = aws.there
  primary_key_arn         = aws_kms_key.everywhere.arn
  deletion_window_in_days = 7
}

resource "aws_kms_ciphertext" "secret" {
  key_id    = aws_kms_key.app.key_id
  plaintext = "secret"
  context   = { app = "web" }
}

data "aws_kms_alias" "app" {
  name       = aws_kms_alias.app.name
  depends_on = [aws_kms_alias.app]
}

data "aws_kms_key" "by_alias" {
  key_id     = aws_kms_alias.app.name
  depends_on = [aws_kms_alias.app]
}

data "aws_kms_public_key" "signing" {
  key_id = aws_kms_key.signing.arn
}

data "aws_kms_secrets" "opened" {
  secret {
    name    = "secret"
    payload = aws_kms_ciphertext.secret.ciphertext_blob
    context = { app = "web" }
  }
}

output "keys" {
  value = {
    app        = aws_kms_key.app.key_id
    signing    = aws_kms_key.signing.key_id
    brought    = aws_kms_external_key.brought.id
    everywhere = aws_kms_key.everywhere.key_id
  }
}

output "by_alias" {
  value = [data.aws_kms_alias.app.target_key_id, data.aws_kms_key.by_alias.id]
}

output "public" {
  value = data.aws_kms_public_key.signing.public_key_pem
}

output "opened" {
  value     = data.aws_kms_secrets.opened.plaintext["secret"]
  sensitive = true
}
